//! A number that stands for a state, to compare runs of which only the number was kept.

use std::fmt::{Debug, Write};

/// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv).
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

/// Of everything that the debug form shows.
pub(super) fn of(state: &impl Debug) -> u64 {
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    // It takes everything.
    write!(fnv, "{state:?}").unwrap_or_default();
    fnv.0
}
