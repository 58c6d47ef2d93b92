(func $evaluate (result i32)
  (call $metric (i32.const 0) (i32.const 2) (i32.const 3208) (i32.const 1)))
(data (i32.const 0) "\ff\fe")
