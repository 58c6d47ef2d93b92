(import "wasi:cli/teapot@0.2.0" "brew" (func $brew))
(func $evaluate (result i32)
  (call $brew)
  (call $value (f64.const 1)))
