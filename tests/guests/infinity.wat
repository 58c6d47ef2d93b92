(func $evaluate (result i32)
  (call $value (f64.const -inf)))
