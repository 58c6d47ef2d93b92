(import "autoresearch:evaluator/command@0.1.0" "run" (func $run (param i32 i32 i32)))
;; A program in place of a role; passes the host's words on.
(func $evaluate (result i32)
  (call $run (i32.const 0) (i32.const 29) (i32.const 64))
  (if (i32.eqz (i32.load8_u (i32.const 64)))
    (then (return (call $value (f64.const 1)))))
  (call $fail (i32.const 2) (i32.load (i32.const 76)) (i32.load (i32.const 80))))
(data (i32.const 0) "/bin/sh -c \1b[31m\n'touch pwned")
