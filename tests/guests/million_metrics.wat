(func $evaluate (result i32)
  (drop (memory.grow (i32.const 250)))
  (call $report (i32.const 65536) (i32.const 1_000_000)))
