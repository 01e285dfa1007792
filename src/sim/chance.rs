//! The only source of chance, of the world and of a scenario's random deaths.

use crate::model::time::Span;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014;
/// the constants are those of Vigna's splitmix64.c, in the public domain). Small, and the same on
/// every machine and in every version, which a library's default generator does not promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim) struct Chance(u64);

impl Chance {
    pub(in crate::sim) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in crate::sim) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(in crate::sim) const fn below(&mut self, end: u64) -> u64 {
        // The bias of the remainder is below 2^-40 for every span of this world.
        match end {
            0 => 0,
            end => self.draw() % end,
        }
    }

    /// A span from nothing up to `most`.
    pub(in crate::sim) const fn up_to(&mut self, most: Span) -> Span {
        Span::millis(self.below(most.as_millis() + 1))
    }

    /// A span that differs from `middle` by up to `percent`, to both sides.
    pub(in crate::sim) fn around(&mut self, middle: Span, percent: u64) -> Span {
        let reach = Span::millis(middle.as_millis() * percent / 100);
        middle.less(reach) + self.up_to(reach.times(2))
    }

    /// 32 hexadecimal digits.
    pub(in crate::sim) fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.draw(), self.draw())
    }

    /// One of these.
    pub(in crate::sim) fn pick<T>(&mut self, from: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let mut from = from;
        let at = self.below(from.len() as u64);
        usize::try_from(at).ok().and_then(|at| from.nth(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_draws_what_the_published_generator_draws() {
        let mut chance = Chance::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| chance.draw()).collect();
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn spans_stay_within_their_reach() {
        let mut chance = Chance::new(7);
        for _ in 0..1_000 {
            let span = chance.around(Span::secs(100), 10).as_secs();
            assert!((90..=110).contains(&span), "{span}");
        }
    }
}
