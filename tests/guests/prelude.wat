;; What every guest shares. A guest is `(module GUEST PRELUDE DESCRIPTOR)` and defines `$evaluate`;
;; `VERSION` is the contract's.
;;
;; Memory: below 3072 is the guest's own, then results, from 4096 the descriptor, from 65536 the heap.

MEMORY
(global $heap (mut i32) (i32.const 65536))

(func $cabi_realloc (export "cabi_realloc")
  (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32) (local $end i32)
  (local.set $at
    (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (local.set $end (i32.add (local.get $at) (local.get $size)))
  (global.set $heap (local.get $end))
  (block $done
    (loop $grow
      (br_if $done (i32.le_u (local.get $end) (i32.shl (memory.size) (i32.const 16))))
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br $grow)))
  (local.get $at))

(func (export "autoresearch:evaluator/evaluator@VERSION#describe") (result i32)
  (call $describe))

(func (export "autoresearch:evaluator/evaluator@VERSION#evaluate")
  (param i32 i32 i32 i32 i32) (result i32)
  (call $evaluate))

;; A report of `count` measurements: 16 bytes each, name and samples.
(func $report (param $list i32) (param $count i32) (result i32)
  (i32.store (i32.const 3088) (i32.const 0))
  (i32.store (i32.const 3092) (local.get $list))
  (i32.store (i32.const 3096) (local.get $count))
  (i64.store (i32.const 3100) (i64.const 0))
  (i32.const 3088))

;; A report of one metric.
(func $metric (param $name i32) (param $length i32) (param $samples i32) (param $count i32) (result i32)
  (i32.store (i32.const 3072) (local.get $name))
  (i32.store (i32.const 3076) (local.get $length))
  (i32.store (i32.const 3080) (local.get $samples))
  (i32.store (i32.const 3084) (local.get $count))
  (call $report (i32.const 3072) (i32.const 1)))

;; A report of the metric `value` with one sample.
(func $value (param $sample f64) (result i32)
  (f64.store (i32.const 3208) (local.get $sample))
  (call $metric (i32.const 3200) (i32.const 5) (i32.const 3208) (i32.const 1)))

;; A failure: 0 invalid-parameters, 1 candidate-failed, 2 unavailable, 3 other.
(func $fail (param $kind i32) (param $text i32) (param $length i32) (result i32)
  (i32.store (i32.const 3088) (i32.const 1))
  (i32.store (i32.const 3092) (local.get $kind))
  (i32.store (i32.const 3096) (local.get $text))
  (i32.store (i32.const 3100) (local.get $length))
  (i32.const 3088))

(data (i32.const 3200) "value")
