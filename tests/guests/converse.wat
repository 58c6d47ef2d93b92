(import "autoresearch:evaluator/model@0.1.0" "complete" (func $complete (param i32 i32 i32)))
;; Asks three times, and measures how long the last answer is. Passes the host's words on.
(func $evaluate (result i32)
  (local $asked i32)
  (loop $again
    (call $complete (i32.const 0) (i32.const 10) (i32.const 64))
    (if (i32.load8_u (i32.const 64))
      (then (return (call $fail (i32.const 2) (i32.load (i32.const 72)) (i32.load (i32.const 76))))))
    (local.set $asked (i32.add (local.get $asked) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $asked) (i32.const 3))))
  (call $value (f64.convert_i32_u (i32.load (i32.const 72)))))
(data (i32.const 0) "how is it?")
