(func $evaluate (result i32)
  (i32.const -4))
