(func $evaluate (result i32)
  (call $metric (i32.const 3200) (i32.const 5) (i32.const 0) (i32.const 0)))
