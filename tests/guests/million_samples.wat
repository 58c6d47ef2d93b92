(func $evaluate (result i32)
  (drop (memory.grow (i32.const 1250)))
  (call $metric (i32.const 3200) (i32.const 5) (i32.const 65536) (i32.const 10_000_000)))
