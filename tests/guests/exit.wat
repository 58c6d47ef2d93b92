(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
(func $evaluate (result i32)
  (call $exit (i32.const 0))
  (call $value (f64.const 1)))
