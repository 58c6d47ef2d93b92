(func $evaluate (result i32)
  (drop (call $fail (i32.const 77) (i32.const 0) (i32.const 0)))
  (i32.const 3088))
