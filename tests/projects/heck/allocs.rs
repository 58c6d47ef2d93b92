//! How often the allocator is called to make snake case of 500 names.
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use heck::ToSnakeCase;

struct Counting;
static CALLS: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout)
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        System.realloc(pointer, layout, size)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let names: Vec<String> = (0..500).map(|i| format!("SomeRather{}LongTypeName{i}", "Very".repeat(i % 6))).collect();
    let before = CALLS.load(Ordering::Relaxed);
    let length: usize = names.iter().map(|name| name.to_snake_case().len()).sum();
    let after = CALLS.load(Ordering::Relaxed);
    assert!(length > 0);
    println!("allocs: {}", after - before);
}
