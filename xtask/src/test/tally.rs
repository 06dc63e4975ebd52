//! Counting what a test runner says it ran.

/// How many tests of a rung passed, failed and were left out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    /// Adds a line of a runner's output if it is a closing line: Rust's
    /// `test result: ok. 3 passed; 1 failed; 0 ignored; …`, or Node's `# pass 3`, `# fail 1`,
    /// `# skipped 0`, `# todo 0`.
    pub(crate) fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let counts = counts.split_once(". ").map_or(counts, |(_, counts)| counts);
            for (number, what) in counts.split("; ").filter_map(|count| count.split_once(' ')) {
                self.count(what, number);
            }
        } else if let Some((what, number)) = line
            .strip_prefix("# ")
            .and_then(|count| count.split_once(' '))
        {
            self.count(what, number);
        }
    }

    fn count(&mut self, what: &str, number: &str) {
        let Ok(number) = number.parse::<u64>() else {
            return;
        };
        match what {
            "passed" | "pass" => self.passed += number,
            "failed" | "fail" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.ignored += number,
            _ => (),
        }
    }

    /// Returns whether any test ran at all.
    pub(crate) fn ran(self) -> bool {
        self.passed + self.failed > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.add(line));
        tally
    }

    #[test]
    fn the_closing_lines_of_several_test_programs_add_up() {
        let output = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
            finished in 0.01s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out";
        assert_eq!(
            tally(output),
            Tally {
                passed: 4,
                failed: 2,
                ignored: 1
            }
        );
    }

    #[test]
    fn node_counts_a_cancelled_test_as_failed() {
        let output = "ok 1 - starts\n# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 0";
        assert_eq!(
            tally(output),
            Tally {
                passed: 2,
                failed: 2,
                ignored: 0
            }
        );
    }

    #[test]
    fn a_line_that_merely_mentions_a_result_counts_nothing() {
        let output = "# pass the salt\nsays test result: ok. 3 passed; 0 failed\n# 3 pass";
        assert!(!tally(output).ran());
    }
}
