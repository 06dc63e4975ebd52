//! The tests that failed, with the beginning of what each printed, so that the summary can repeat them.

/// Lines of a test's output that the summary repeats, and characters of a line.
const LINES: usize = 15;
const CHARACTERS: usize = 300;

/// A test that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FailedTest {
    pub(crate) name: String,
    pub(crate) output: Vec<String>,
}

/// Reads the output of test runners, line by line.
#[derive(Debug, Default)]
pub(crate) struct FailedTests {
    tests: Vec<FailedTest>,
    /// The test whose output is being read.
    reading: Option<usize>,
}

impl FailedTests {
    /// Adds a line. Known are `test NAME ... FAILED`, the blocks `---- NAME stdout ----` of Rust's runner,
    /// `---- NAME ----` of libtest-mimic, and Node's `not ok 3 - NAME`.
    pub(crate) fn add(&mut self, line: &str) {
        let block = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" ----"));
        if let Some(name) = block {
            self.reading = Some(self.named(name.strip_suffix(" stdout").unwrap_or(name)));
        } else if let Some(name) = failed_test(line) {
            self.named(name);
            self.reading = None;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.reading = None;
        } else if let Some(test) = self.reading.and_then(|at| self.tests.get_mut(at))
            && test.output.len() < LINES
            && !line.trim().is_empty()
        {
            test.output.push(line.chars().take(CHARACTERS).collect());
        }
    }

    pub(crate) fn into_tests(self) -> Vec<FailedTest> {
        self.tests
    }

    fn named(&mut self, name: &str) -> usize {
        let known = self.tests.iter().position(|test| test.name == name);
        known.unwrap_or_else(|| {
            self.tests.push(FailedTest {
                name: name.to_owned(),
                output: Vec::new(),
            });
            self.tests.len() - 1
        })
    }
}

fn failed_test(line: &str) -> Option<&str> {
    let rust = line
        .strip_prefix("test ")
        .and_then(|rest| rest.strip_suffix("... FAILED"));
    let node = || {
        let (number, name) = line.strip_prefix("not ok ")?.split_once(" - ")?;
        number.parse::<u32>().is_ok().then_some(name)
    };
    rust.or_else(node).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(output: &str) -> Vec<(String, Vec<String>)> {
        let mut tests = FailedTests::default();
        output.lines().for_each(|line| tests.add(line));
        let pair = |test: FailedTest| (test.name, test.output);
        tests.into_tests().into_iter().map(pair).collect()
    }

    fn row(name: &str, output: &[&str]) -> (String, Vec<String>) {
        let output = output.iter().map(|line| (*line).to_owned()).collect();
        (name.to_owned(), output)
    }

    #[test]
    fn failed_tests_are_named_with_the_beginning_of_their_output() {
        let rows = [
            (
                "Rust's runner, quiet",
                "failures:\n\n---- a::b stdout ----\n\nthread 'a::b' panicked at x.rs:1:2:\nleft: 1\n\n\nfailures:\n    a::b\n\ntest result: FAILED. 1 passed; 1 failed",
                vec![row(
                    "a::b",
                    &["thread 'a::b' panicked at x.rs:1:2:", "left: 1"],
                )],
            ),
            (
                "libtest-mimic",
                "test slow start     ... ok\ntest node is lost   ... FAILED\n\nfailures:\n\n---- node is lost ----\nexpected 10, not 0\n\n\nfailures:\n    node is lost\n",
                vec![row("node is lost", &["expected 10, not 0"])],
            ),
            (
                "two in one program",
                "---- a stdout ----\nof a\n---- b stdout ----\nof b\n\nfailures:\n    a\n    b\n",
                vec![row("a", &["of a"]), row("b", &["of b"])],
            ),
            (
                "Node",
                "ok 1 - starts\nnot ok 2 - ends - at once\n# fail 1",
                vec![row("ends - at once", &[])],
            ),
            (
                "none",
                "test a ... ok\nnot ok, he said\ntest result: ok. 1 passed; 0 failed",
                Vec::new(),
            ),
        ];
        for (what, output, expected) in rows {
            assert_eq!(failed(output), expected, "{what}");
        }
    }

    #[test]
    fn long_output_is_cut() {
        let block = format!(
            "---- a ----\n{}",
            format!("{}\n", "x".repeat(999)).repeat(99)
        );
        let [(_, output)] = &failed(&block)[..] else {
            panic!("one test")
        };
        assert_eq!((output.len(), output[0].len()), (LINES, CHARACTERS));
    }
}
