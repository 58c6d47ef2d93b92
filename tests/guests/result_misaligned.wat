(func $evaluate (result i32)
  (i32.add (call $value (f64.const 1)) (i32.const 1)))
