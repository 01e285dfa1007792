//! Who moves a site, and the loop between the two.

use std::future::Future;

use crate::model::time::Span;

use super::ast::Event;
use super::look::Look;
use super::outcome::Outcome;
use super::run::{Next, Run};

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

/// Runs a scenario to its end.
///
/// # Errors
/// The driver's own, with the outcome so far.
pub async fn drive<D: Driver>(
    mut run: Run,
    driver: &mut D,
) -> Result<Outcome, (D::Error, Outcome)> {
    loop {
        let look = match driver.look().await {
            Ok(look) => look,
            Err(error) => return Err(broken(&run, error)),
        };
        run.see(driver.now(), &look);
        match run.what_next() {
            Next::Do(event) => {
                if let Err(error) = driver.carry_out(&event).await {
                    return Err(broken(&run, error));
                }
            }
            Next::Wait { until } => driver.pass(until).await,
            Next::End => {
                return Ok(run.outcome().unwrap_or_else(|| run.broken_off("it has no end")));
            }
        }
    }
}

fn broken<E: std::fmt::Display>(run: &Run, error: E) -> (E, Outcome) {
    let outcome = run.broken_off(&format!("the site could not be moved: {error}"));
    (error, outcome)
}
