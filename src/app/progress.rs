//! A bar for a person who waits: how much of the logs was read, how fast, and how
//! long it still takes.

use std::fmt::Write;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{
    HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use crate::logs::{self, Inputs};
use crate::system::{self, Output};

/// What takes no longer than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Where a bar and the words beside it fit in one line, in columns.
const WIDE: usize = 70;

/// Whether somebody may be waiting at a terminal: never the timer, never where
/// the output goes on to another program.
pub(super) fn is_welcome(quiet: bool) -> bool {
    !quiet && io::stderr().is_terminal() && system::stdout() != Output::Pipe
}

/// What is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    /// Bytes as they stand on the disk; 0 if that is not known.
    pub(super) bytes: u64,
    /// Files and journals.
    pub(super) files: usize,
}

/// A bar that shows itself after a second, and is gone when dropped.
#[derive(Debug)]
pub(super) struct ReadingProgress {
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl ReadingProgress {
    /// Begins to watch how these logs are read; they are looked at only if
    /// somebody waits.
    pub(super) fn over(welcome: bool, inputs: &Inputs) -> Self {
        let (bytes, files) = if welcome { inputs.unread() } else { (0, 0) };
        ReadingProgress::begin(welcome && files > 0, Amount { bytes, files })
    }

    /// Begins to watch how so much is read.
    pub(super) fn begin(welcome: bool, amount: Amount) -> Self {
        if !welcome {
            return ReadingProgress { drawing: None };
        }
        let (ended, end) = mpsc::channel();
        let watch = Watch {
            amount,
            begun: Instant::now(),
            before: logs::bytes_read(),
        };
        let drawing = thread::Builder::new().spawn(move || watch.draw(&end));
        // Without a thread there is no bar, and nothing else is missing.
        ReadingProgress {
            drawing: drawing.ok().map(|thread| (ended, thread)),
        }
    }
}

impl Drop for ReadingProgress {
    fn drop(&mut self) {
        if let Some((ended, thread)) = self.drawing.take() {
            drop(ended);
            let _ = thread.join();
        }
    }
}

struct Watch {
    amount: Amount,
    begun: Instant,
    /// What had been read before.
    before: u64,
}

impl Watch {
    /// Draws until the other end is dropped.
    fn draw(&self, end: &mpsc::Receiver<()>) {
        if end.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let Amount { bytes, files } = self.amount;
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        bar.set_style(style(bytes, files, self.begun));
        loop {
            let done = logs::bytes_read().saturating_sub(self.before);
            // Logs that grow meanwhile make it no more than all.
            bar.set_position(if bytes > 0 { done.min(bytes) } else { done });
            if end.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        bar.finish_and_clear();
    }
}

/// Without a size there is nothing to fill.
fn style(bytes: u64, files: usize, begun: Instant) -> ProgressStyle {
    let template = if bytes > 0 {
        "{percent:>3}% [{wide_bar}] {words}"
    } else {
        "{spinner} {words}"
    };
    let beside = move |state: &ProgressState, out: &mut dyn Write| {
        let width = system::stderr_width().unwrap_or(WIDE);
        let words = words(state.pos(), bytes, files, begun.elapsed(), width);
        // It is written into memory.
        let _ = out.write_str(&words);
    };
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.progress_chars("=> ").tick_chars("-\\|/ ");
    style.with_key("words", beside)
}

/// What stands beside the bar.
fn words(done: u64, bytes: u64, files: usize, elapsed: Duration, width: usize) -> String {
    let millis = elapsed.as_millis().max(1);
    let rate = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
    let left = bytes.saturating_sub(done).checked_div(rate);
    let left = left.filter(|_| bytes > 0).map_or_else(String::new, |left| {
        format!("{:#} left", HumanDuration(Duration::from_secs(left)))
    });
    if width < WIDE {
        return if left.is_empty() {
            format!("{}", HumanBytes(done))
        } else {
            left
        };
    }
    let (rate, done) = (HumanBytes(rate), HumanBytes(done));
    let of = if bytes > 0 {
        format!(" of {}", HumanBytes(bytes))
    } else {
        String::new()
    };
    let plural = if files == 1 { "" } else { "s" };
    let comma = if left.is_empty() { "" } else { ", " };
    format!("{done}{of}, {rate}/s{comma}{left}, {files} file{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_fit_the_terminal() {
        let (done, all, four) = (300 << 20, 1 << 30, Duration::from_secs(4));
        assert_eq!(
            words(done, all, 3, four, 80),
            "300.00 MiB of 1.00 GiB, 75.00 MiB/s, 9s left, 3 files"
        );
        assert_eq!(words(done, all, 3, four, 40), "9s left");
        assert_eq!(words(1 << 20, 0, 1, four, 40), "1.00 MiB");
        assert_eq!(
            words(1 << 20, 0, 1, four, 80),
            "1.00 MiB, 256.00 KiB/s, 1 file"
        );
        // Nothing was read yet, or more than there was.
        assert_eq!(words(0, all, 1, four, 40), "0 B");
        assert_eq!(words(all * 2, all, 1, four, 40), "0s left");
        assert_eq!(words(u64::MAX, u64::MAX, 1, Duration::ZERO, 40), "0s left");
    }
}
