(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
;; An hour.
(func $evaluate (result i32)
  (call $block (call $subscribe (i64.const 3_600_000_000_000)))
  (call $value (f64.const 1)))
