(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(func $evaluate (result i32)
  (call $block (i32.const 4242))
  (call $value (f64.const 1)))
