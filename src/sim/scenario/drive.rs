//! Who moves a site: a world in memory, one behind sockets, or real machines.

use std::future::Future;

use crate::model::time::Span;

use super::ast::Event;
use super::look::Look;

/// Moves a site: in memory, over sockets, or real machines.
pub trait Driver {
    /// Why it can't go on. Not a failure of what is tested.
    type Error: std::fmt::Display;

    /// The site's time since the run began.
    fn now(&self) -> Span;

    /// Does one thing, and returns when it is done, not when the site has come to rest.
    ///
    /// # Errors
    /// It can't be done here, or did not work.
    fn carry_out(&mut self, event: &Event) -> impl Future<Output = Result<(), Self::Error>>;

    /// Looks at everything.
    ///
    /// # Errors
    /// Nothing can be seen at all. What can't be seen for the moment is left out of the look.
    fn look(&mut self) -> impl Future<Output = Result<Look, Self::Error>>;

    /// Returns at this time, or when there may be something new to see.
    fn pass(&mut self, until: Span) -> impl Future<Output = ()>;
}
