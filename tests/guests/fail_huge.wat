(func $evaluate (result i32)
  (drop (memory.grow (i32.const 160)))
  (memory.fill (i32.const 65536) (i32.const 0x79) (i32.const 10_000_000))
  (call $fail (i32.const 3) (i32.const 65536) (i32.const 10_000_000)))
