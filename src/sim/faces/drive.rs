//! The loop between a scenario and whoever moves the site.

use crate::sim::scenario::look::Look;
use crate::sim::scenario::{Driver, Next, Outcome, Run};

/// Runs a scenario to its end.
///
/// # Errors
/// The driver's own, with the outcome so far.
pub async fn drive<D: Driver>(run: Run, driver: &mut D) -> Result<Outcome, (D::Error, Outcome)> {
    drive_before(run, driver, |_, _| {}).await
}

/// The same before somebody who watches: told after each look.
///
/// # Errors
/// The driver's own, with the outcome so far.
pub async fn drive_before<D: Driver>(
    mut run: Run,
    driver: &mut D,
    mut watch: impl FnMut(&Run, &Look),
) -> Result<Outcome, (D::Error, Outcome)> {
    loop {
        let look = match driver.look().await {
            Ok(look) => look,
            Err(error) => return Err(broken(&run, error)),
        };
        run.see(driver.now(), &look);
        watch(&run, &look);
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
