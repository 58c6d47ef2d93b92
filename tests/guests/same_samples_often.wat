;; 1000 metrics that all claim the same 8 MiB of samples: 8 GiB to copy.
(func $evaluate (result i32)
  (local $at i32)
  (drop (memory.grow (i32.const 200)))
  (local.set $at (i32.const 65536))
  (loop $next
    (i32.store (local.get $at) (i32.const 3200))
    (i32.store offset=4 (local.get $at) (i32.const 5))
    (i32.store offset=8 (local.get $at) (i32.const 65536))
    (i32.store offset=12 (local.get $at) (i32.const 1_048_576))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (br_if $next (i32.lt_u (local.get $at) (i32.const 81536))))
  (call $report (i32.const 65536) (i32.const 1000)))
