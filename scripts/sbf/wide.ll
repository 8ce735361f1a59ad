; 128-bit arithmetic for the Solana virtual machine.
;
; LLVM turns a multiplication or division of 128-bit integers into a call of the
; functions below and passes them in registers. Rust's own copies of these
; functions return through memory, so the two do not fit. Linked first, this file
; wins. Each instruction costs one compute unit, so the divisions use the
; machine's 64-bit division and not a loop over bits.

target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
target triple = "bpfel"

declare i64 @llvm.ctlz.i64(i64, i1)

define internal i64 @low(i128 %x) alwaysinline {
  %r = trunc i128 %x to i64
  ret i64 %r
}

define internal i64 @high(i128 %x) alwaysinline {
  %s = lshr i128 %x, 64
  %r = trunc i128 %s to i64
  ret i64 %r
}

define internal i128 @join(i64 %high, i64 %low) alwaysinline {
  %h = zext i64 %high to i128
  %l = zext i64 %low to i128
  %s = shl i128 %h, 64
  %r = or disjoint i128 %s, %l
  ret i128 %r
}

; The upper half of a 64 by 64 bit product, from four products of 32-bit halves.
; LLVM knows this pattern and would write a 128-bit multiplication for it, which
; is a call of __multi3. The empty assembly hides one term from it and costs
; nothing.
define internal i64 @upper_product(i64 %a, i64 %b) alwaysinline {
  %al = and i64 %a, 4294967295
  %ah = lshr i64 %a, 32
  %bl = and i64 %b, 4294967295
  %bh = lshr i64 %b, 32
  %ll = mul i64 %al, %bl
  %lh = mul i64 %al, %bh
  %hl = mul i64 %ah, %bl
  %hh = mul i64 %ah, %bh
  %carry = lshr i64 %ll, 32
  %hidden = call i64 asm "", "=r,0"(i64 %carry)
  %m = add i64 %hidden, %lh
  %ml = and i64 %m, 4294967295
  %mh = lshr i64 %m, 32
  %n = add i64 %hl, %ml
  %nh = lshr i64 %n, 32
  %s = add i64 %hh, %mh
  %r = add i64 %s, %nh
  ret i64 %r
}

define i128 @__multi3(i128 %a, i128 %b) noinline {
  %a0 = call i64 @low(i128 %a)
  %a1 = call i64 @high(i128 %a)
  %b0 = call i64 @low(i128 %b)
  %b1 = call i64 @high(i128 %b)
  %low = mul i64 %a0, %b0
  %u = call i64 @upper_product(i64 %a0, i64 %b0)
  %x = mul i64 %a0, %b1
  %y = mul i64 %a1, %b0
  %ux = add i64 %u, %x
  %high = add i64 %ux, %y
  %r = call i128 @join(i64 %high, i64 %low)
  ret i128 %r
}

; The next 32-bit digit of a quotient: (%rest * 2^32 + %next) / %d, where the top
; bit of %d is set and %rest < %d. The upper half of %d gives an estimate that is
; at most two too large. Returns the digit above the new rest.
define internal i128 @digit(i64 %rest, i64 %next, i64 %d) noinline {
entry:
  %dh = lshr i64 %d, 32
  %dl = and i64 %d, 4294967295
  %q = udiv i64 %rest, %dh
  %qd = mul i64 %q, %dh
  %r = sub i64 %rest, %qd
  br label %check

check:
  %q.now = phi i64 [ %q, %entry ], [ %q.less, %lower ]
  %r.now = phi i64 [ %r, %entry ], [ %r.more, %lower ]
  %wide = icmp ugt i64 %q.now, 4294967295
  br i1 %wide, label %lower, label %compare

compare:
  %left = mul i64 %q.now, %dl
  %r.up = shl i64 %r.now, 32
  %right = or disjoint i64 %r.up, %next
  %over = icmp ugt i64 %left, %right
  br i1 %over, label %lower, label %done

lower:
  %q.less = add i64 %q.now, -1
  %r.more = add i64 %r.now, %dh
  %room = icmp ult i64 %r.more, 4294967296
  br i1 %room, label %check, label %done

done:
  %q.end = phi i64 [ %q.now, %compare ], [ %q.less, %lower ]
  %rest.up = shl i64 %rest, 32
  %all = or disjoint i64 %rest.up, %next
  %part = mul i64 %q.end, %d
  %rest.new = sub i64 %all, %part
  %pair = call i128 @join(i64 %q.end, i64 %rest.new)
  ret i128 %pair
}

; (%n1 * 2^64 + %n0) / %d, where the top bit of %d is set and %n1 < %d. Returns
; the quotient above the rest.
define internal i128 @two_digits(i64 %n1, i64 %n0, i64 %d) alwaysinline {
  %n0h = lshr i64 %n0, 32
  %n0l = and i64 %n0, 4294967295
  %first = call i128 @digit(i64 %n1, i64 %n0h, i64 %d)
  %q1 = call i64 @high(i128 %first)
  %r1 = call i64 @low(i128 %first)
  %second = call i128 @digit(i64 %r1, i64 %n0l, i64 %d)
  %q0 = call i64 @high(i128 %second)
  %r0 = call i64 @low(i128 %second)
  %q1.up = shl i64 %q1, 32
  %q = or disjoint i64 %q1.up, %q0
  %pair = call i128 @join(i64 %q, i64 %r0)
  ret i128 %pair
}

; Divides (%n1 * 2^64 + %n0) by (%d1 * 2^64 + %d0), which is not zero, and writes
; the quotient and then the rest, both low half first.
define internal void @divide(i64 %n0, i64 %n1, i64 %d0, i64 %d1, ptr %out) noinline {
entry:
  %out.q1 = getelementptr i64, ptr %out, i64 1
  %out.r0 = getelementptr i64, ptr %out, i64 2
  %out.r1 = getelementptr i64, ptr %out, i64 3
  %one.word = icmp eq i64 %d1, 0
  br i1 %one.word, label %short, label %long

; The divisor fits in 64 bits: schoolbook division, upper half first.
short:
  %s.q1 = udiv i64 %n1, %d0
  %s.q1d = mul i64 %s.q1, %d0
  %s.r1 = sub i64 %n1, %s.q1d
  store i64 %s.q1, ptr %out.q1
  store i64 0, ptr %out.r1
  %no.carry = icmp eq i64 %s.r1, 0
  br i1 %no.carry, label %word, label %carry

; Nothing is left of the upper half: one division does the lower one.
word:
  %w.q = udiv i64 %n0, %d0
  %w.qd = mul i64 %w.q, %d0
  %w.r = sub i64 %n0, %w.qd
  store i64 %w.q, ptr %out
  store i64 %w.r, ptr %out.r0
  ret void

carry:
  %narrow = icmp ult i64 %d0, 4294967296
  br i1 %narrow, label %halves, label %normal

; The divisor fits in 32 bits: the lower half in two steps of 32 bits.
halves:
  %n0h = lshr i64 %n0, 32
  %n0l = and i64 %n0, 4294967295
  %h.up = shl i64 %s.r1, 32
  %h.a = or disjoint i64 %h.up, %n0h
  %h.qa = udiv i64 %h.a, %d0
  %h.qad = mul i64 %h.qa, %d0
  %h.ra = sub i64 %h.a, %h.qad
  %h.raup = shl i64 %h.ra, 32
  %h.b = or disjoint i64 %h.raup, %n0l
  %h.qb = udiv i64 %h.b, %d0
  %h.qbd = mul i64 %h.qb, %d0
  %h.rb = sub i64 %h.b, %h.qbd
  %h.qaup = shl i64 %h.qa, 32
  %h.q = or disjoint i64 %h.qaup, %h.qb
  store i64 %h.q, ptr %out
  store i64 %h.rb, ptr %out.r0
  ret void

; Both are shifted until the divisor's top bit is set. A shift by 64 has no
; meaning, so the bits that cross over move by one and then by the rest.
normal:
  %z = call i64 @llvm.ctlz.i64(i64 %d0, i1 true)
  %z.not = xor i64 %z, 63
  %z.d = shl i64 %d0, %z
  %z.hi = shl i64 %s.r1, %z
  %z.one = lshr i64 %n0, 1
  %z.cross = lshr i64 %z.one, %z.not
  %z.n1 = or i64 %z.hi, %z.cross
  %z.n0 = shl i64 %n0, %z
  %z.pair = call i128 @two_digits(i64 %z.n1, i64 %z.n0, i64 %z.d)
  %z.q = call i64 @high(i128 %z.pair)
  %z.r = call i64 @low(i128 %z.pair)
  %z.rest = lshr i64 %z.r, %z
  store i64 %z.q, ptr %out
  store i64 %z.rest, ptr %out.r0
  ret void

; The divisor is wider than 64 bits, so the quotient fits in 64.
long:
  store i64 0, ptr %out.q1
  %less1 = icmp ult i64 %n1, %d1
  %same1 = icmp eq i64 %n1, %d1
  %less0 = icmp ult i64 %n0, %d0
  %less01 = and i1 %same1, %less0
  %smaller = or i1 %less1, %less01
  br i1 %smaller, label %zero, label %estimate

zero:
  store i64 0, ptr %out
  store i64 %n0, ptr %out.r0
  store i64 %n1, ptr %out.r1
  ret void

; Half the dividend by the divisor's top 64 bits, shifted back, is the quotient or
; one more. One less than that is never too large, and at most one too small.
estimate:
  %e = call i64 @llvm.ctlz.i64(i64 %d1, i1 true)
  %e.not = xor i64 %e, 63
  %e.hi = shl i64 %d1, %e
  %e.one = lshr i64 %d0, 1
  %e.cross = lshr i64 %e.one, %e.not
  %e.d = or i64 %e.hi, %e.cross
  %e.n1 = lshr i64 %n1, 1
  %e.low = lshr i64 %n0, 1
  %e.bit = shl i64 %n1, 63
  %e.n0 = or disjoint i64 %e.bit, %e.low
  %e.pair = call i128 @two_digits(i64 %e.n1, i64 %e.n0, i64 %e.d)
  %e.qn = call i64 @high(i128 %e.pair)
  %e.q = lshr i64 %e.qn, %e.not
  %e.none = icmp eq i64 %e.q, 0
  %e.less = add i64 %e.q, -1
  %q = select i1 %e.none, i64 0, i64 %e.less
  ; rest = n - q * d
  %p0 = mul i64 %q, %d0
  %p0.up = call i64 @upper_product(i64 %q, i64 %d0)
  %p1 = mul i64 %q, %d1
  %p1.all = add i64 %p1, %p0.up
  %borrow = icmp ult i64 %n0, %p0
  %borrow.64 = zext i1 %borrow to i64
  %r0 = sub i64 %n0, %p0
  %r1.a = sub i64 %n1, %p1.all
  %r1 = sub i64 %r1.a, %borrow.64
  ; still as large as the divisor?
  %m1 = icmp ugt i64 %r1, %d1
  %t1 = icmp eq i64 %r1, %d1
  %m0 = icmp uge i64 %r0, %d0
  %t01 = and i1 %t1, %m0
  %once.more = or i1 %m1, %t01
  br i1 %once.more, label %raise, label %keep

raise:
  %q.up = add i64 %q, 1
  %u.borrow = icmp ult i64 %r0, %d0
  %u.borrow.64 = zext i1 %u.borrow to i64
  %u.r0 = sub i64 %r0, %d0
  %u.r1.a = sub i64 %r1, %d1
  %u.r1 = sub i64 %u.r1.a, %u.borrow.64
  br label %keep

keep:
  %k.q = phi i64 [ %q, %estimate ], [ %q.up, %raise ]
  %k.r0 = phi i64 [ %r0, %estimate ], [ %u.r0, %raise ]
  %k.r1 = phi i64 [ %r1, %estimate ], [ %u.r1, %raise ]
  store i64 %k.q, ptr %out
  store i64 %k.r0, ptr %out.r0
  store i64 %k.r1, ptr %out.r1
  ret void
}

; Numbers that fit in 64 bits need one instruction and no call.
define i128 @__udivti3(i128 %n, i128 %d) noinline {
entry:
  %out = alloca [4 x i64], align 16
  %n0 = call i64 @low(i128 %n)
  %n1 = call i64 @high(i128 %n)
  %d0 = call i64 @low(i128 %d)
  %d1 = call i64 @high(i128 %d)
  %upper = or i64 %n1, %d1
  %small = icmp eq i64 %upper, 0
  br i1 %small, label %fast, label %slow

fast:
  %q = udiv i64 %n0, %d0
  %q.wide = zext i64 %q to i128
  ret i128 %q.wide

slow:
  call void @divide(i64 %n0, i64 %n1, i64 %d0, i64 %d1, ptr %out)
  %r = load i128, ptr %out
  ret i128 %r
}

define i128 @__umodti3(i128 %n, i128 %d) noinline {
entry:
  %out = alloca [4 x i64], align 16
  %n0 = call i64 @low(i128 %n)
  %n1 = call i64 @high(i128 %n)
  %d0 = call i64 @low(i128 %d)
  %d1 = call i64 @high(i128 %d)
  %upper = or i64 %n1, %d1
  %small = icmp eq i64 %upper, 0
  br i1 %small, label %fast, label %slow

fast:
  %q = urem i64 %n0, %d0
  %q.wide = zext i64 %q to i128
  ret i128 %q.wide

slow:
  call void @divide(i64 %n0, i64 %n1, i64 %d0, i64 %d1, ptr %out)
  %rest = getelementptr i64, ptr %out, i64 2
  %r = load i128, ptr %rest
  ret i128 %r
}

; The signed ones divide the absolute values. The quotient is negative when the
; signs differ; the rest has the dividend's sign. (x xor s) - s negates x where s
; is -1 and keeps it where s is 0.
define i128 @__divti3(i128 %n, i128 %d) noinline {
  %ns = ashr i128 %n, 127
  %ds = ashr i128 %d, 127
  %nx = xor i128 %n, %ns
  %dx = xor i128 %d, %ds
  %na = sub i128 %nx, %ns
  %da = sub i128 %dx, %ds
  %q = call i128 @__udivti3(i128 %na, i128 %da)
  %s = xor i128 %ns, %ds
  %x = xor i128 %q, %s
  %r = sub i128 %x, %s
  ret i128 %r
}

define i128 @__modti3(i128 %n, i128 %d) noinline {
  %ns = ashr i128 %n, 127
  %ds = ashr i128 %d, 127
  %nx = xor i128 %n, %ns
  %dx = xor i128 %d, %ds
  %na = sub i128 %nx, %ns
  %da = sub i128 %dx, %ds
  %m = call i128 @__umodti3(i128 %na, i128 %da)
  %x = xor i128 %m, %ns
  %r = sub i128 %x, %ns
  ret i128 %r
}
