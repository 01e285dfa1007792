//! Sorted maps, walked side by side.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::iter::Peekable;

/// A sorted sequence that is asked for keys in its own order. Each answer is a step ahead, where a
/// look-up would go down a tree for every key: with a thousand machines and a dozen maps that
/// costs more than all judging.
pub(crate) struct InStep<I: Iterator>(Peekable<I>);

impl<I: Iterator> InStep<I> {
    /// Starts before the first entry.
    pub(crate) fn new(entries: impl IntoIterator<IntoIter = I>) -> Self {
        Self(entries.into_iter().peekable())
    }

    /// The entry of a key that comes after all that were asked for before.
    pub(crate) fn at<'k, K: Ord + 'k, V>(&mut self, key: &K) -> Option<V>
    where
        I: Iterator<Item = (&'k K, V)>,
    {
        loop {
            match self.0.peek()?.0.cmp(key) {
                Ordering::Less => drop(self.0.next()),
                Ordering::Equal => return self.0.next().map(|(_, value)| value),
                Ordering::Greater => return None,
            }
        }
    }
}

impl<I: Iterator> fmt::Debug for InStep<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InStep").finish_non_exhaustive()
    }
}

/// The same for keys of which some may come out of order: those are looked up.
pub(crate) struct MostlyInStep<'a, K, V> {
    map: &'a BTreeMap<K, V>,
    walk: InStep<btree_map::Iter<'a, K, V>>,
}

impl<'a, K: Ord, V> MostlyInStep<'a, K, V> {
    /// Starts before the first entry.
    pub(crate) fn new(map: &'a BTreeMap<K, V>) -> Self {
        Self { map, walk: InStep::new(map) }
    }

    /// The entry of a key.
    pub(crate) fn at(&mut self, key: &K) -> Option<&'a V> {
        self.walk.at(key).or_else(|| self.map.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> BTreeMap<u8, char> {
        BTreeMap::from([(2, 'b'), (4, 'd'), (6, 'f')])
    }

    #[test]
    fn keys_in_order_find_what_a_look_up_finds() {
        let map = map();
        let mut walk = InStep::new(&map);
        for key in 0..8 {
            assert_eq!(walk.at(&key), map.get(&key), "{key}");
        }
    }

    #[test]
    fn keys_out_of_order_and_asked_twice_are_found_too() {
        let map = map();
        let mut walk = MostlyInStep::new(&map);
        for key in [6, 2, 4, 4, 5, 0, 6, 7] {
            assert_eq!(walk.at(&key), map.get(&key), "{key}");
        }
    }

    #[test]
    fn entries_can_be_changed_on_the_way() {
        let mut map = map();
        let mut walk = InStep::new(&mut map);
        for key in [1, 2, 6] {
            if let Some(value) = walk.at(&key) {
                *value = 'x';
            }
        }
        assert_eq!(map, BTreeMap::from([(2, 'x'), (4, 'd'), (6, 'x')]));
    }
}
