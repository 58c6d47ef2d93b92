(import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at"
  (func $open (param i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.create-directory-at"
  (func $mkdir (param i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.unlink-file-at"
  (func $unlink (param i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.symlink-at"
  (func $symlink (param i32 i32 i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.rename-at"
  (func $rename (param i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.link-at"
  (func $link (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.set-size"
  (func $set_size (param i32 i64 i32)))

(global $directory (mut i32) (i32.const 0))

;; Opens a path, following links; 1 where that worked.
(func $opens (param $path i32) (param $length i32) (param $create i32) (param $rights i32) (result i32)
  (call $open (global.get $directory) (i32.const 1) (local.get $path) (local.get $length)
    (local.get $create) (local.get $rights) (i32.const 2048))
  (i32.eqz (i32.load8_u (i32.const 2048))))

;; 1 where the last call with the result at 2048 worked.
(func $worked (result i32)
  (i32.eqz (i32.load8_u (i32.const 2048))))

;; The value has a bit for each thing that worked; only the first two should.
(func $evaluate (result i32)
  (local $bits i32)
  (call $directories (i32.const 2040))
  ;; One directory.
  (local.set $bits (i32.eq (i32.load (i32.const 2044)) (i32.const 1)))
  (global.set $directory (i32.load (i32.load (i32.const 2040))))
  ;; Read a file of the candidate's.
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 1)) (i32.const 1))))
  (call $set_size (i32.load (i32.const 2052)) (i64.const 0) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 2))))
  ;; Write it, truncate it, create another.
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 3)) (i32.const 3))))
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 0) (i32.const 8) (i32.const 8) (i32.const 1)) (i32.const 4))))
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 16) (i32.const 8) (i32.const 1) (i32.const 1)) (i32.const 5))))
  ;; Leave the directory: upwards, by an absolute path, by links.
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 32) (i32.const 2) (i32.const 0) (i32.const 1)) (i32.const 6))))
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 32) (i32.const 7) (i32.const 0) (i32.const 1)) (i32.const 7))))
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 48) (i32.const 11) (i32.const 0) (i32.const 1)) (i32.const 8))))
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 64) (i32.const 9) (i32.const 0) (i32.const 1)) (i32.const 9))))
  (local.set $bits (i32.or (local.get $bits)
    (i32.shl (call $opens (i32.const 80) (i32.const 12) (i32.const 0) (i32.const 1)) (i32.const 10))))
  ;; Change the directory.
  (call $mkdir (global.get $directory) (i32.const 16) (i32.const 8) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 11))))
  (call $unlink (global.get $directory) (i32.const 0) (i32.const 8) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 12))))
  (call $symlink (global.get $directory)
    (i32.const 0) (i32.const 8) (i32.const 16) (i32.const 8) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 13))))
  (call $rename (global.get $directory) (i32.const 0) (i32.const 8)
    (global.get $directory) (i32.const 16) (i32.const 8) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 14))))
  (call $link (global.get $directory) (i32.const 0) (i32.const 0) (i32.const 8)
    (global.get $directory) (i32.const 16) (i32.const 8) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 15))))
  ;; The same with a place outside.
  (call $rename (global.get $directory) (i32.const 0) (i32.const 8)
    (global.get $directory) (i32.const 32) (i32.const 7) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 16))))
  (call $link (global.get $directory) (i32.const 0) (i32.const 48) (i32.const 11)
    (global.get $directory) (i32.const 16) (i32.const 8) (i32.const 2048))
  (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 17))))
  (call $value (f64.convert_i32_u (local.get $bits))))
(data (i32.const 0) "kept.txt")
(data (i32.const 16) "made.txt")
(data (i32.const 32) "../home")
(data (i32.const 48) "/etc/passwd")
(data (i32.const 64) "file_link")
(data (i32.const 80) "up_link/home")
