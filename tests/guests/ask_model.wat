(import "autoresearch:evaluator/model@0.1.0" "complete" (func $complete (param i32 i32 i32)))
;; Passes the host's words on.
(func $evaluate (result i32)
  (call $complete (i32.const 0) (i32.const 2) (i32.const 64))
  (if (i32.eqz (i32.load8_u (i32.const 64)))
    (then (return (call $value (f64.const 1)))))
  (call $fail (i32.const 2) (i32.load (i32.const 72)) (i32.load (i32.const 76))))
(data (i32.const 0) "hi")
