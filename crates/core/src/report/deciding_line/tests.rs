//! Logs of real programs, shortened, and the line that says why they ended.

use super::*;

type Row = (&'static str, &'static str, Option<&'static str>);

const LANGUAGES: &[Row] = &[
    (
        "Python: the last line of the traceback",
        "loading\nTraceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    run()\n    ~~~^^\nKeyError: 'DATABASE_URL'\n",
        Some("KeyError: 'DATABASE_URL'"),
    ),
    (
        "Python: an exception of another name, raised from another",
        "Traceback (most recent call last):\n  File \"a.py\", line 1\nOSError: no\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\", line 9\nshop.ConfigMissing: variable X is not set",
        Some("shop.ConfigMissing: variable X is not set"),
    ),
    (
        "Python: the root logger",
        "INFO:root:starting\nERROR:root:host db-old not found",
        Some("host db-old not found"),
    ),
    (
        "Java: the last cause",
        "Exception in thread \"main\" java.lang.IllegalStateException: cannot start\n\tat shop.Main.main(Main.java:7)\nCaused by: java.lang.RuntimeException: pool\n\tat shop.Pool.open(Pool.java:3)\n\t... 1 more\nCaused by: java.net.UnknownHostException: db-old\n\tat java.base/java.net.Inet.get(Inet.java:1)\n\t... 3 more",
        Some("Caused by: java.net.UnknownHostException: db-old"),
    ),
    (
        "Java: no cause below",
        "Exception in thread \"main\" java.lang.IllegalStateException: variable X is not set\n\tat shop.Main.main(Main.java:7)",
        Some("java.lang.IllegalStateException: variable X is not set"),
    ),
    (
        "Spring Boot: the failure says nothing, the cause does",
        "2026-11-29T10:00:00.123Z  INFO 1 --- [main] shop.Main  : Starting\n2026-11-29T10:00:01.123Z ERROR 1 --- [           main] o.s.boot.SpringApplication               : Application run failed\n\norg.springframework.beans.factory.BeanCreationException: Error creating bean with name 'db'\n\tat a.b.C.d(C.java:1)\nCaused by: java.sql.SQLException: password authentication failed for user \"app\"\n\tat a.b.C.d(C.java:2)",
        Some("Caused by: java.sql.SQLException: password authentication failed for user \"app\""),
    ),
    (
        "Go: a panic",
        "listening\npanic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1]\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x18\nexit status 2",
        Some("panic: runtime error: invalid memory address or nil pointer dereference"),
    ),
    (
        "Go: a flag that does not exist, with its usage",
        "flag provided but not defined: -prot\nUsage of /app:\n  -port int\n    \tfail if it is not set (default 8080)",
        Some("flag provided but not defined: -prot"),
    ),
    (
        "Go: log.Fatal",
        "2026/11/29 10:00:00 main.go:7: dial tcp: lookup db-old on 10.0.0.10:53: no such host",
        Some("main.go:7: dial tcp: lookup db-old on 10.0.0.10:53: no such host"),
    ),
    (
        "Node: the error below its source line",
        "/app/index.js:3\n    throw new Error('x');\n    ^\n\nError: variable X is not set\n    at Object.<anonymous> (/app/index.js:3:11)\n    at Module._compile (node:internal/modules:1:1) {\n  code: 'EX'\n}\n\nNode.js v22.1.0",
        Some("variable X is not set"),
    ),
    (
        "Node: a module",
        "node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module '/app/server.js'\n    at Module._resolve (node:internal:1)\n",
        Some("Cannot find module '/app/server.js'"),
    ),
    (
        "npm: its own last words",
        "Error: host db-old not found\nnpm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! web@1.0.0 start: `node x`\nnpm ERR! Exit status 1\nnpm ERR! \nnpm ERR! Failed at the web@1.0.0 start script.\nnpm ERR! This is probably not a problem with npm.\n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /root/.npm/_logs/x.log",
        Some("host db-old not found"),
    ),
    (
        "npm: it is npm that fails",
        "npm ERR! Missing script: \"serve\"\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /root/.npm/_logs/x.log",
        Some("Missing script: \"serve\""),
    ),
    (
        "Rust: the message is on the next line",
        "thread 'main' panicked at src/main.rs:3:5:\nvariable X is not set\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        Some("thread 'main' panicked at src/main.rs:3:5: variable X is not set"),
    ),
    (
        "Rust: the former form",
        "thread 'main' panicked at 'no host', src/main.rs:3:5\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x/lib.rs:1",
        Some("thread 'main' panicked at 'no host', src/main.rs:3:5"),
    ),
    (
        "Rust: anyhow",
        "Error: failed to read the configuration\n\nCaused by:\n    0: /etc/app.toml\n    1: No such file or directory (os error 2)",
        Some("failed to read the configuration: No such file or directory (os error 2)"),
    ),
    (
        ".NET: an exception",
        "Unhandled exception. System.InvalidOperationException: variable X is not set\n   at Shop.Program.Main() in /src/Program.cs:line 3",
        Some("Unhandled exception. System.InvalidOperationException: variable X is not set"),
    ),
    (
        ".NET: the console logger",
        "info: Shop.Program[0]\n      Starting\ncrit: Shop.Program[0]\n      host db-old not found",
        Some("Shop.Program[0] host db-old not found"),
    ),
    (
        "Ruby",
        "app.rb:3:in `fetch': key not found: \"X\" (KeyError)\n\tfrom app.rb:9:in `<main>'",
        Some("app.rb:3:in `fetch': key not found: \"X\" (KeyError)"),
    ),
    (
        "PHP",
        "PHP Fatal error:  Uncaught PDOException: could not find driver in /app/db.php:3\nStack trace:\n#0 /app/db.php(3): PDO->__construct()\n#1 {main}\n  thrown in /app/db.php on line 3",
        Some("PHP Fatal error: Uncaught PDOException: could not find driver in /app/db.php:3"),
    ),
    (
        "a shell",
        "starting\n/run.sh: line 3: syntax error: unexpected end of file",
        Some("/run.sh: line 3: syntax error: unexpected end of file"),
    ),
    (
        "a shell that misses a variable",
        "/run.sh: line 2: X: unbound variable",
        Some("/run.sh: line 2: X: unbound variable"),
    ),
];

const PROGRAMS: &[Row] = &[
    (
        "nginx",
        "/docker-entrypoint.sh: Configuration complete; ready for start up\n2026/11/29 10:00:00 [emerg] 1#1: host not found in upstream \"db-old\" in /etc/nginx/nginx.conf:3\nnginx: [emerg] host not found in upstream \"db-old\" in /etc/nginx/nginx.conf:3",
        Some("host not found in upstream \"db-old\" in /etc/nginx/nginx.conf:3"),
    ),
    (
        "postgres, and its hint",
        "2026-11-29 10:00:00.123 UTC [1] LOG:  starting PostgreSQL 17\n2026-11-29 10:00:00.124 UTC [1] FATAL:  data directory \"/data\" has wrong ownership\n2026-11-29 10:00:00.124 UTC [1] HINT:  The server must be started by the user that owns the data directory.",
        Some("data directory \"/data\" has wrong ownership"),
    ),
    (
        "a database that must not be root",
        "mysqld must not run as root",
        Some("mysqld must not run as root"),
    ),
    (
        "a full disk",
        "writing\ncp: write error: No space left on device\nbye",
        Some("cp: write error: No space left on device"),
    ),
    (
        "klog",
        "I1129 10:00:00.000000       1 main.go:1] starting\nF1129 10:00:01.000000       1 main.go:42] variable X is not set",
        Some("variable X is not set"),
    ),
    (
        "logfmt",
        "time=\"2026-11-29T10:00:00Z\" level=info msg=starting\ntime=\"2026-11-29T10:00:01Z\" level=fatal msg=\"failed to open \\\"db\\\"\" err=\"host db-old not found\"",
        Some("failed to open \"db\": host db-old not found"),
    ),
    (
        "zap",
        "{\"level\":\"info\",\"msg\":\"starting\"}\n{\"level\":\"fatal\",\"ts\":1.0,\"msg\":\"cannot connect\",\"error\":\"host db-old not found\",\"stacktrace\":\"main.main\\n\\tx\"}",
        Some("cannot connect: host db-old not found"),
    ),
    (
        "pino",
        "{\"level\":30,\"msg\":\"starting\"}\n{\"level\":60,\"err\":{\"type\":\"Error\",\"message\":\"variable X is not set\",\"stack\":\"x\"},\"msg\":\"variable X is not set\"}",
        Some("variable X is not set"),
    ),
    (
        "serilog",
        "{\"@t\":\"2026-11-29T10:00:00Z\",\"@mt\":\"failed over to {Host}\"}\n{\"@t\":\"2026-11-29T10:00:00Z\",\"@mt\":\"Stopped {Why}\",\"@l\":\"Fatal\",\"@x\":\"System.Exception: host db-old not found\\n at X\"}",
        Some("Stopped {Why}: System.Exception: host db-old not found"),
    ),
    (
        "ECS",
        "{\"@timestamp\":\"x\",\"log.level\":\"ERROR\",\"message\":\"start failed\",\"error.message\":\"host db-old not found\"}",
        Some("start failed: host db-old not found"),
    ),
    (
        "log4j",
        "{\"level\":\"FATAL\",\"message\":\"no start\",\"thrown\":{\"message\":\"disk full\",\"name\":\"E\"}}",
        Some("no start: disk full"),
    ),
    (
        "in colour",
        "\u{1b}[32mINFO\u{1b}[0m up\n\u{1b}[31mERROR\u{1b}[0m host db-old not found",
        Some("host db-old not found"),
    ),
];

const CHOICES: &[Row] = &[
    (
        "the first error of the last burst, not the last one",
        "connecting\nvariable DATABASE_URL is not set\nerror: startup failed\nexiting with code 1",
        Some("variable DATABASE_URL is not set"),
    ),
    (
        "an error that was survived",
        "ERROR connection refused, trying again\nINFO connected\nERROR syntax error in line 3\nINFO shutting down",
        Some("syntax error in line 3"),
    ),
    (
        "a farewell that says why",
        "starting\nexiting: variable X is not set",
        Some("exiting: variable X is not set"),
    ),
    (
        "no error: the last line that is no farewell",
        "starting\nread 0 errors, 3 records\nshutting down\nbye",
        Some("read 0 errors, 3 records"),
    ),
    (
        "an info line that counts failures",
        "level=info msg=\"job done, 1 failed\"\nlevel=info msg=\"waiting for work\"",
        Some("waiting for work"),
    ),
    (
        "progress after the error",
        "error: no space left on device\n[=====>    ]  45%\n100% ....",
        Some("no space left on device"),
    ),
    (
        "a warning, and then an error",
        "WARN: config is missing, using defaults\nERROR: host db-old not found",
        Some("host db-old not found"),
    ),
    ("only farewells", "shutting down\nbye\n", None),
    ("nothing", "\n \n", None),
    (
        "secrets by their form",
        "error: cannot connect to postgres://app:hunter2@db-old/x?sslmode=off with Password=hunter2;Timeout=3",
        Some("cannot connect to postgres://***@db-old/x?sslmode=off with Password=***;Timeout=3"),
    ),
    (
        "hostile",
        "error: \u{202e}cannot\u{7} open",
        Some("cannot open"),
    ),
];

#[test]
fn the_deciding_line_is_the_one_that_its_row_names() {
    let mut wrong = Vec::new();
    for (says, log, expected) in [LANGUAGES, PROGRAMS, CHOICES].concat() {
        let found = deciding_line(log).map(|it| it.text);
        if found.as_deref() != expected {
            wrong.push(format!("{says}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_an_error_is_called_one() {
    for (log, expected) in [
        ("variable X is not set", true),
        ("listening on 8080", false),
        ("finished with 0 errors\nwaiting", false),
    ] {
        let found = deciding_line(log).map(|it| it.is_error);
        assert_eq!(found, Some(expected), "{log}");
    }
}

#[test]
fn a_long_line_is_cut() {
    let line = deciding_line(&format!("error: {}", "x".repeat(5000))).unwrap();
    assert_eq!(line.text.chars().count(), LENGTH + 1);
}

proptest::proptest! {
    #[test]
    fn any_log_is_read(log in "(?s).{0,400}") {
        if let Some(line) = deciding_line(&log) {
            proptest::prop_assert!(!line.text.contains('\n'));
            proptest::prop_assert!(line.text.chars().count() <= LENGTH + 1);
        }
    }
}
