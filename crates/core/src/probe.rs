//! The arithmetic of probes: when does one first pass, fail, and kill, at the earliest and at the latest.
//!
//! The kubelet asks at its ticks, one per period, from `initialDelaySeconds` after the start of the container on
//! (`prober/worker.go`). How the ticks fall is not known, so that the first try comes up to a period later. What is
//! asked makes no difference: exec, TCP, HTTP and gRPC are timed alike. All times count from the start of the
//! container.

use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;

/// The settings of a probe, with the API's defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// `initialDelaySeconds`, 0 by default.
    pub initial_delay: Duration,
    /// `periodSeconds`, 10 by default.
    pub period: Duration,
    /// `timeoutSeconds`, 1 by default.
    pub timeout: Duration,
    /// `failureThreshold`, 3 by default.
    pub failures: u32,
    /// `successThreshold`, 1 by default.
    pub successes: u32,
}

/// The settings of a probe as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// `initialDelaySeconds`.
    pub initial_delay: Option<i64>,
    /// `periodSeconds`.
    pub period: Option<i64>,
    /// `timeoutSeconds`.
    pub timeout: Option<i64>,
    /// `failureThreshold`.
    pub failures: Option<i64>,
    /// `successThreshold`.
    pub successes: Option<i64>,
}

/// A span of time in which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Not before this.
    pub earliest: Duration,
    /// Not after this.
    pub latest: Duration,
}

impl Timing {
    /// Reads the settings of a probe.
    #[must_use]
    pub fn of(probe: &Probe) -> Self {
        Self::new(Settings {
            initial_delay: probe.initial_delay_seconds.map(i64::from),
            period: probe.period_seconds.map(i64::from),
            timeout: probe.timeout_seconds.map(i64::from),
            failures: probe.failure_threshold.map(i64::from),
            successes: probe.success_threshold.map(i64::from),
        })
    }

    /// Fills in the API's defaults; zero stands for the default, as in the API (`SetDefaults_Probe`).
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let or = |value: Option<i64>, default: u32| {
            let value = value.and_then(|it| u32::try_from(it).ok());
            value.filter(|it| *it > 0).unwrap_or(default)
        };
        let seconds = |value, default| Duration::from_secs(or(value, default).into());
        Self {
            initial_delay: seconds(settings.initial_delay, 0),
            period: seconds(settings.period, 10),
            timeout: seconds(settings.timeout, 1),
            failures: or(settings.failures, 3),
            successes: or(settings.successes, 1),
        }
    }

    /// Returns how long the probe lets a container fail: `initialDelaySeconds` + `failureThreshold` × `periodSeconds`.
    #[must_use]
    pub const fn budget(self) -> Duration {
        let failing = self.period.saturating_mul(self.failures);
        self.initial_delay.saturating_add(failing)
    }

    /// Returns when the probe gives up on a container that never answers, or answers with an error at once.
    ///
    /// One that takes the request and stays silent is given `timeoutSeconds` more.
    #[must_use]
    pub const fn gives_up(self) -> Window {
        let all_but_one = self.period.saturating_mul(self.failures.saturating_sub(1));
        Window {
            earliest: self.initial_delay.saturating_add(all_but_one),
            latest: self.budget(),
        }
    }

    /// Returns when the probe passes for an application that answers from a time on, if it does not give up before.
    #[must_use]
    pub fn passes(self, answers: Duration) -> Window {
        let begin = self.initial_delay.max(answers);
        let more = self.period.saturating_mul(self.successes.saturating_sub(1));
        Window {
            earliest: begin.saturating_add(more),
            latest: begin.saturating_add(more).saturating_add(self.period),
        }
    }

    /// Returns whether the probe gives up on an application that answers from a time on.
    #[must_use]
    pub fn outlasts(self, answers: Duration) -> Outlasts {
        let Window { earliest, latest } = self.gives_up();
        if answers <= earliest {
            Outlasts::Yes
        } else if answers < latest {
            Outlasts::Perhaps
        } else {
            Outlasts::No
        }
    }
}

/// The answer whether a probe waits until an application answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlasts {
    /// However its tries fall.
    Yes,
    /// It depends on how its tries fall.
    Perhaps,
    /// However its tries fall, it gives up before.
    No,
}

/// The probe that kills a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killer {
    /// The startup probe.
    Startup,
    /// The liveness probe.
    Liveness,
}

/// A kill before the application answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// The probe.
    pub by: Killer,
    /// When.
    pub window: Window,
    /// Whether it comes however the tries fall; every start ends so.
    pub certain: bool,
}

/// The probes of one container that ask the same application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Probes {
    /// The startup probe: the others begin once it has passed.
    pub startup: Option<Timing>,
    /// The readiness probe.
    pub readiness: Option<Timing>,
    /// The liveness probe.
    pub liveness: Option<Timing>,
}

impl Probes {
    /// Returns the kill of an application that answers from a time on, if there is one.
    #[must_use]
    pub fn kill(&self, answers: Duration) -> Option<Kill> {
        // While a startup probe runs, no liveness probe does.
        let (by, probe) = match (self.startup, self.liveness) {
            (Some(startup), _) => (Killer::Startup, startup),
            (None, Some(liveness)) => (Killer::Liveness, liveness),
            (None, None) => return None,
        };
        let certain = match probe.outlasts(answers) {
            Outlasts::Yes => return None,
            Outlasts::Perhaps => false,
            Outlasts::No => true,
        };
        let window = probe.gives_up();
        Some(Kill {
            by,
            window,
            certain,
        })
    }

    /// Returns when the container becomes ready, for an application that answers from a time on and is not killed
    /// before; `None` if it is certain to be killed.
    #[must_use]
    pub fn ready(&self, answers: Duration) -> Option<Window> {
        if self.kill(answers).is_some_and(|it| it.certain) {
            return None;
        }
        let started = self.startup.map(|it| it.passes(answers));
        let started = started.unwrap_or(Window {
            earliest: Duration::ZERO,
            latest: Duration::ZERO,
        });
        let Some(readiness) = self.readiness else {
            // Without a readiness probe it counts as ready once it has started.
            return Some(started);
        };
        Some(Window {
            earliest: readiness.passes(answers.max(started.earliest)).earliest,
            latest: readiness.passes(answers.max(started.latest)).latest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A probe by its initial delay, period and failure threshold.
    fn probe(initial: i64, period: i64, failures: i64) -> Timing {
        Timing::new(Settings {
            initial_delay: Some(initial),
            period: Some(period),
            failures: Some(failures),
            ..Settings::default()
        })
    }

    #[test]
    fn absent_settings_have_the_defaults_of_the_api() {
        let timing = Timing::new(Settings::default());
        assert_eq!(timing, Timing::of(&Probe::default()));
        assert_eq!(timing.budget(), s(30));
        let rows = [timing.initial_delay, timing.period, timing.timeout];
        assert_eq!(rows, [s(0), s(10), s(1)]);
        assert_eq!([timing.failures, timing.successes], [3, 1]);
        let zero = Settings {
            period: Some(0),
            failures: Some(-1),
            ..Settings::default()
        };
        assert_eq!(Timing::new(zero), timing);
    }

    #[test]
    fn the_classic_example_comes_out_right() {
        // It answers `/` at once and `/health` after 60 s.
        let slow = s(60);
        let ready_only = Probes {
            readiness: Some(probe(0, 3, 3)),
            ..Probes::default()
        };
        assert_eq!(ready_only.kill(slow), None);
        let ready = ready_only.ready(slow).unwrap();
        assert_eq!((ready.earliest, ready.latest), (s(60), s(63)));

        let killed = Probes {
            liveness: Some(probe(3, 3, 3)),
            ..ready_only
        };
        let kill = killed.kill(slow).unwrap();
        assert_eq!((kill.by, kill.certain), (Killer::Liveness, true));
        assert_eq!((kill.window.earliest, kill.window.latest), (s(9), s(12)));
        assert_eq!(killed.ready(slow), None, "killed for ever");

        let cured = Probes {
            startup: Some(probe(0, 3, 30)),
            ..killed
        };
        assert_eq!(cured.kill(slow), None);
        let ready = cured.ready(slow).unwrap();
        assert_eq!((ready.earliest, ready.latest), (s(60), s(66)));
    }

    #[test]
    fn a_probe_outlasts_a_start_by_how_its_tries_fall() {
        for (says, timing, answers, expected) in [
            ("it answers at once", probe(0, 10, 3), 0, Outlasts::Yes),
            (
                "just before the last try",
                probe(0, 10, 3),
                20,
                Outlasts::Yes,
            ),
            ("in the last period", probe(0, 10, 3), 21, Outlasts::Perhaps),
            (
                "just before the latest try",
                probe(0, 10, 3),
                29,
                Outlasts::Perhaps,
            ),
            ("at the latest try", probe(0, 10, 3), 30, Outlasts::No),
            (
                "a delay moves all of it",
                probe(30, 10, 3),
                50,
                Outlasts::Yes,
            ),
            (
                "one failure is enough",
                probe(0, 10, 1),
                1,
                Outlasts::Perhaps,
            ),
        ] {
            assert_eq!(timing.outlasts(s(answers)), expected, "{says}");
        }
    }

    #[test]
    fn readiness_waits_for_delay_start_and_successes() {
        let twice = Timing {
            successes: 2,
            ..probe(0, 5, 3)
        };
        for (says, probes, answers, earliest, latest) in [
            ("no probes", Probes::default(), 10, 0, 0),
            (
                "the delay is longer than the start",
                Probes {
                    readiness: Some(probe(20, 5, 3)),
                    ..Probes::default()
                },
                10,
                20,
                25,
            ),
            (
                "two successes",
                Probes {
                    readiness: Some(twice),
                    ..Probes::default()
                },
                10,
                15,
                20,
            ),
            (
                "only a startup probe",
                Probes {
                    startup: Some(probe(0, 10, 30)),
                    ..Probes::default()
                },
                15,
                15,
                25,
            ),
        ] {
            let ready = probes.ready(s(answers)).unwrap();
            assert_eq!(
                (ready.earliest, ready.latest),
                (s(earliest), s(latest)),
                "{says}"
            );
        }
    }

    #[test]
    fn enormous_settings_do_not_overflow() {
        let huge = probe(
            i64::from(u32::MAX),
            i64::from(u32::MAX),
            i64::from(u32::MAX),
        );
        assert!(huge.budget() > s(1 << 60));
        assert_eq!(huge.outlasts(s(60)), Outlasts::Yes);
    }
}
