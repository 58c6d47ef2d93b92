//! Keep this program's own memory out of what a command is charged.
//!
//! The kernel counts a process's peak from its fork, before it becomes the command, so a small command
//! is charged what a forked launcher has. Most of that is this program's table of addresses: the
//! loader fills it in when the program starts (RELRO), which makes each of its pages memory of the
//! process rather than of the file, and fork passes such pages on.

/// Replaces the pages that the loader filled in by the same bytes in a file in memory, which a fork
/// does not pass on. Linux only. To fail costs the small commands' accuracy and nothing else.
pub(super) fn slim() {
    #[cfg(target_os = "linux")]
    let _ = replace_relocated();
}

#[cfg(target_os = "linux")]
fn replace_relocated() -> Option<()> {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::{AsRawFd, FromRawFd};

    let (start, length) = relocated()?;
    // SAFETY: the name is a C string; the call makes a descriptor and touches no memory of ours.
    let descriptor = unsafe { libc::memfd_create(c"relocated".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return None;
    }
    // SAFETY: it was just made, and nothing else owns it.
    let mut file = unsafe { File::from_raw_fd(descriptor) };
    // SAFETY: the loader mapped these pages and made them read-only: nothing writes to them while the
    // slice is there, or ever.
    let bytes = unsafe { std::slice::from_raw_parts(start as *const u8, length) };
    file.write_all(bytes).ok()?;
    // SAFETY: the same bytes with the same protection take these pages' place in one step, so whatever
    // points there finds what it found before.
    let mapped = unsafe {
        libc::mmap(
            start as *mut libc::c_void,
            length,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_FIXED,
            file.as_raw_fd(),
            0,
        )
    };
    (mapped != libc::MAP_FAILED).then_some(())
}

/// The address and length of the pages that the loader filled in and then made read-only.
#[cfg(target_os = "linux")]
#[expect(
    clippy::cast_possible_truncation,
    reason = "addresses and lengths in this process are as wide as its pointers"
)]
fn relocated() -> Option<(usize, usize)> {
    #[cfg(target_pointer_width = "64")]
    type Header = libc::Elf64_Phdr;
    #[cfg(target_pointer_width = "32")]
    type Header = libc::Elf32_Phdr;

    // SAFETY: these calls read values that the kernel gave this process; 0 where it gave none.
    let (table, count, page) = unsafe {
        (
            libc::getauxval(libc::AT_PHDR) as usize,
            libc::getauxval(libc::AT_PHNUM) as usize,
            libc::getauxval(libc::AT_PAGESZ) as usize,
        )
    };
    if table == 0 || page == 0 {
        return None;
    }
    // SAFETY: the kernel says that the program's headers are there, and they stay mapped.
    let headers = unsafe { std::slice::from_raw_parts(table as *const Header, count) };
    let find = |kind| headers.iter().find(|header| header.p_type == kind);
    // Where the program lies differs from where its file says by as much as this table does.
    let moved = table.checked_sub(find(libc::PT_PHDR)?.p_vaddr as usize)?;
    let relocated = find(libc::PT_GNU_RELRO)?;
    let start = moved + relocated.p_vaddr as usize;
    let end = start + relocated.p_memsz as usize;
    // Rounded as the loader does when it makes them read-only.
    let (start, end) = (start / page * page, end / page * page);
    (start < end).then_some((start, end - start))
}
