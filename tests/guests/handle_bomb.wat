(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
;; Never gives one back.
(func $evaluate (result i32)
  (loop $forever
    (drop (call $subscribe (i64.const 1)))
    (br $forever))
  (unreachable))
