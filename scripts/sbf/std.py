#!/usr/bin/env python3
"""Fit Rust's standard library to the Solana virtual machine.

usage: std.py LIBRARY

LIBRARY is the `library` folder of a Rust source tree. The folder is used for
this one target only, so what does not fit is replaced and not made
conditional. Every change names the text it stands on; when a later Rust
release has moved that text, the script stops and says where.
"""

import re
import sys
from pathlib import Path

WRITTEN_FOR = "1.97"


class Source:
    """One source file under std/src; saved when the `with` block ends well."""

    def __init__(self, library, name):
        self.path = library / "std" / "src" / name

    def __enter__(self):
        if not self.path.is_file():
            self.fail("the file is gone")
        self.text = self.path.read_text()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.path.write_text(self.text)

    def fail(self, why):
        sys.exit(f"std.py: {self.path}: {why} (these changes were written for Rust {WRITTEN_FOR})")

    def insert_before(self, anchor, text):
        """Put `text` before each place where `anchor` stands."""
        if anchor not in self.text:
            self.fail(f"no {anchor!r} in it")
        self.text = self.text.replace(anchor, text + anchor)

    def replace_body(self, signature, body):
        """Give the one function that starts with `signature` a new body."""
        heads = list(re.finditer(re.escape(signature) + r"[^{]*\{", self.text))
        if len(heads) != 1:
            self.fail(f"{signature!r} is in it {len(heads)} times")
        start = end = heads[0].end()
        depth = 1
        while depth:
            # Good for code whose string literals hold braces in pairs only.
            depth += {"{": 1, "}": -1}.get(self.text[end], 0)
            end += 1
        self.text = f"{self.text[:start]}\n    {body}\n{self.text[end - 1:]}"


# A program that brings no allocator of its own gets this one: it hands out the
# 32 KiB heap from the top down and frees nothing, as each call starts with a
# fresh heap. The first word of the heap holds the lowest address handed out.
ALLOCATOR = """
mod solana {
    use crate::alloc::{GlobalAlloc, Layout, System};

    const START: usize = 0x3_0000_0000;
    const END: usize = START + 32 * 1024;
    const LOWEST: usize = START + size_of::<usize>();

    #[stable(feature = "alloc_system_type", since = "1.28.0")]
    unsafe impl GlobalAlloc for System {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let mark = START as *mut usize;
            let used_from = match unsafe { mark.read() } {
                0 => END,
                address => address,
            };
            match used_from.checked_sub(layout.size()) {
                Some(top) if top & !(layout.align() - 1) >= LOWEST => {
                    let address = top & !(layout.align() - 1);
                    unsafe { mark.write(address) };
                    address as *mut u8
                }
                _ => crate::ptr::null_mut(),
            }
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

        unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            unsafe { super::realloc_fallback(self, old, layout, size) }
        }
    }
}
"""

# Every node must compute the same, so nothing is random.
RANDOM = """
pub fn fill_bytes(_: &mut [u8]) {
    panic!("there is no randomness in a Solana program");
}

pub fn hashmap_random_keys() -> (u64, u64) {
    (0, 0)
}
"""

IO_ERROR = """
mod generic;
pub use generic::*;
"""

# The usual path to a panic counts panics and looks for a hook in statics that
# it writes to, and a program may have no such statics. The runtime is told the
# place and ends the call.
PANIC = """unsafe extern "C" {{
        fn sol_panic_(file: *const u8, length: u64, line: u64, column: u64) -> !;
    }}
    let place: &Location<'_> = {place};
    let file = place.file();
    unsafe {{ sol_panic_(file.as_ptr(), file.len() as u64, place.line().into(), place.column().into()) }}"""


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    library = Path(sys.argv[1])

    with Source(library, "sys/alloc/mod.rs") as file:
        file.insert_before('    target_arch = "x86_64",\n', '    target_arch = "bpf",\n')
        file.insert_before('    target_os = "zkvm" => {', '    target_os = "solana" => {}\n')
        file.text += ALLOCATOR
    with Source(library, "sys/random/mod.rs") as file:
        file.text = RANDOM
    with Source(library, "sys/io/error/mod.rs") as file:
        file.text = IO_ERROR
    with Source(library, "sys/thread_local/mod.rs") as file:
        # One thread: what is thread-local elsewhere is an ordinary static.
        file.insert_before('target_os = "zkvm",', 'target_os = "solana", ')
    with Source(library, "hash/random.rs") as file:
        file.replace_body("pub fn new() -> RandomState", "RandomState { k0: 0, k1: 0 }")
    with Source(library, "panicking.rs") as file:
        file.replace_body("pub fn panic_handler(", PANIC.format(place="info.location().unwrap()"))
        file.replace_body(
            "fn panic_with_hook(",
            "let _ = (payload, can_unwind, force_no_backtrace);\n    " + PANIC.format(place="location"),
        )
    with Source(library, "alloc.rs") as file:
        file.replace_body("pub fn rust_oom(", 'panic!("no memory left for {} bytes", layout.size())')


main()
