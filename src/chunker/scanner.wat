;; The rolling hash of formats.md 5 over shared memory, sixteen places at a time.
;;
;; Let P be the hash without a window: P = rotl1(P) xor T[byte]. A rotation by 64 is the identity in 32 bits, so the
;; hash of the last 64 bytes is P xor (P of 64 bytes ago). It depends on nothing else, so that sixteen lanes can work
;; through sixteen neighbouring segments at once; each warms up on the 64 bytes in front of its segment.
;; A segment has 2112 bytes: not a multiple of 4096, which would put all lanes into the same cache sets.
;;
;; `free` has the bits set that do not count. A place is a cut when hash or free is one of the three largest values,
;; -3 to -1: so the signed maximum of a lane tells whether its segment has a cut, and only then is it looked for.
;;
;; Memory: 0 the 256 constants, 1024 a ring of the last 64 P of all lanes (4096 bytes), one for each other thread
;; every 8192 bytes, then the caller's.
(module
  (import "env" "memory" (memory 1 65536 shared))
  ;; Where the thread's own ring lies, less 1024: a multiple of 8192, so that the place in it wraps by clearing a bit.
  (import "env" "scratch" (global $scratch i32))

  ;; The address behind the first cut in [$from, $to), 0 if there is none. 64 bytes in front of $from are read.
  (func $scalar (export "scalar") (param $from i32) (param $to i32) (param $free i32) (result i32)
    (local $p i32) (local $h i32)
    (local.set $p (i32.sub (local.get $from) (i32.const 64)))
    (loop $warm
      (local.set $h (i32.xor (i32.rotl (local.get $h) (i32.const 1))
        (i32.load (i32.shl (i32.load8_u (local.get $p)) (i32.const 2)))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $warm (i32.lt_u (local.get $p) (local.get $from))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $p) (local.get $to)))
        (local.set $h (i32.xor
          (i32.xor (i32.rotl (local.get $h) (i32.const 1))
            (i32.load (i32.shl (i32.load8_u (i32.sub (local.get $p) (i32.const 64))) (i32.const 2))))
          (i32.load (i32.shl (i32.load8_u (local.get $p)) (i32.const 2)))))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (br_if $next (i32.le_s (i32.or (local.get $h) (local.get $free)) (i32.const -4)))
        (return (local.get $p))))
    (i32.const 0))

  ;; One bit for each of the sixteen segments from $from on that has a cut.
  (func $segments (param $from i32) (param $mask i32) (result i32)
    (local $p i32) (local $end i32) (local $r i32) (local $hits i32)
    (local $t v128) (local $free v128)
    (local $h0 v128) (local $h1 v128) (local $h2 v128) (local $h3 v128)
    (local $best0 v128) (local $best1 v128) (local $best2 v128) (local $best3 v128)
    (local.set $free (i32x4.splat (local.get $mask)))
    (local.set $best0 (i32x4.splat (i32.const 0x80000000)))
    (local.set $best1 (local.get $best0))
    (local.set $best2 (local.get $best0))
    (local.set $best3 (local.get $best0))
    (local.set $p (i32.sub (local.get $from) (i32.const 64)))
    (local.set $r (global.get $scratch))
    (loop $warm
      ;; lanes 0 to 3
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=2112 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=4224 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=6336 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h0 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h0) (i32.const 1)) (i32x4.shr_u (local.get $h0) (i32.const 31)))))
      (v128.store offset=1024 (local.get $r) (local.get $h0))
      ;; lanes 4 to 7
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u offset=8448 (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=10560 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=12672 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=14784 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h1 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h1) (i32.const 1)) (i32x4.shr_u (local.get $h1) (i32.const 31)))))
      (v128.store offset=1040 (local.get $r) (local.get $h1))
      ;; lanes 8 to 11
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u offset=16896 (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=19008 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=21120 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=23232 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h2 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h2) (i32.const 1)) (i32x4.shr_u (local.get $h2) (i32.const 31)))))
      (v128.store offset=1056 (local.get $r) (local.get $h2))
      ;; lanes 12 to 15
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u offset=25344 (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=27456 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=29568 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=31680 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h3 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h3) (i32.const 1)) (i32x4.shr_u (local.get $h3) (i32.const 31)))))
      (v128.store offset=1072 (local.get $r) (local.get $h3))
      (local.set $r (i32.add (local.get $r) (i32.const 64)))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $warm (i32.lt_u (local.get $p) (local.get $from))))
    (local.set $end (i32.add (local.get $from) (i32.const 2112)))
    (loop $next
      (local.set $r (i32.and (local.get $r) (i32.const -4097)))
      ;; lanes 0 to 3
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=2112 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=4224 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=6336 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h0 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h0) (i32.const 1)) (i32x4.shr_u (local.get $h0) (i32.const 31)))))
      (local.set $best0 (i32x4.max_s (local.get $best0)
        (v128.or (local.get $free) (v128.xor (local.get $h0) (v128.load offset=1024 (local.get $r))))))
      (v128.store offset=1024 (local.get $r) (local.get $h0))
      ;; lanes 4 to 7
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u offset=8448 (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=10560 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=12672 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=14784 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h1 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h1) (i32.const 1)) (i32x4.shr_u (local.get $h1) (i32.const 31)))))
      (local.set $best1 (i32x4.max_s (local.get $best1)
        (v128.or (local.get $free) (v128.xor (local.get $h1) (v128.load offset=1040 (local.get $r))))))
      (v128.store offset=1040 (local.get $r) (local.get $h1))
      ;; lanes 8 to 11
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u offset=16896 (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=19008 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=21120 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=23232 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h2 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h2) (i32.const 1)) (i32x4.shr_u (local.get $h2) (i32.const 31)))))
      (local.set $best2 (i32x4.max_s (local.get $best2)
        (v128.or (local.get $free) (v128.xor (local.get $h2) (v128.load offset=1056 (local.get $r))))))
      (v128.store offset=1056 (local.get $r) (local.get $h2))
      ;; lanes 12 to 15
      (local.set $t (v128.load32_zero (i32.shl (i32.load8_u offset=25344 (local.get $p)) (i32.const 2))))
      (local.set $t (v128.load32_lane 1 (i32.shl (i32.load8_u offset=27456 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 2 (i32.shl (i32.load8_u offset=29568 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $t (v128.load32_lane 3 (i32.shl (i32.load8_u offset=31680 (local.get $p)) (i32.const 2)) (local.get $t)))
      (local.set $h3 (v128.xor (local.get $t)
        (v128.or (i32x4.shl (local.get $h3) (i32.const 1)) (i32x4.shr_u (local.get $h3) (i32.const 31)))))
      (local.set $best3 (i32x4.max_s (local.get $best3)
        (v128.or (local.get $free) (v128.xor (local.get $h3) (v128.load offset=1072 (local.get $r))))))
      (v128.store offset=1072 (local.get $r) (local.get $h3))
      (local.set $r (i32.add (local.get $r) (i32.const 64)))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $p) (local.get $end))))
    (local.set $hits (i32.or (local.get $hits) (i32.shl
      (i32x4.bitmask (i32x4.gt_s (local.get $best0) (v128.const i32x4 -4 -4 -4 -4))) (i32.const 0))))
    (local.set $hits (i32.or (local.get $hits) (i32.shl
      (i32x4.bitmask (i32x4.gt_s (local.get $best1) (v128.const i32x4 -4 -4 -4 -4))) (i32.const 4))))
    (local.set $hits (i32.or (local.get $hits) (i32.shl
      (i32x4.bitmask (i32x4.gt_s (local.get $best2) (v128.const i32x4 -4 -4 -4 -4))) (i32.const 8))))
    (local.set $hits (i32.or (local.get $hits) (i32.shl
      (i32x4.bitmask (i32x4.gt_s (local.get $best3) (v128.const i32x4 -4 -4 -4 -4))) (i32.const 12))))
    (local.get $hits))

  ;; Like $scalar, for a range of whole blocks of sixteen segments.
  (func (export "blocks") (param $from i32) (param $to i32) (param $free i32) (result i32)
    (local $hits i32)
    (loop $next
      (local.set $hits (call $segments (local.get $from) (local.get $free)))
      (if (local.get $hits) (then
        (local.set $from (i32.add (local.get $from) (i32.mul (i32.ctz (local.get $hits)) (i32.const 2112))))
        (return (call $scalar (local.get $from) (i32.add (local.get $from) (i32.const 2112)) (local.get $free)))))
      (local.set $from (i32.add (local.get $from) (i32.const 33792)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $to))))
    (i32.const 0))

  ;; Whether all bytes of [$from, $to), a multiple of 64 long, are zero.
  (func (export "isZero") (param $from i32) (param $to i32) (result i32)
    (loop $next
      (if (v128.any_true (v128.or
            (v128.or (v128.load (local.get $from)) (v128.load offset=16 (local.get $from)))
            (v128.or (v128.load offset=32 (local.get $from)) (v128.load offset=48 (local.get $from)))))
        (then (return (i32.const 0))))
      (local.set $from (i32.add (local.get $from) (i32.const 64)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $to))))
    (i32.const 1)))
