(func $evaluate (result i32)
  (loop $forever (br $forever))
  (unreachable))
