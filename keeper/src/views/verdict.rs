/// What became of an event. Its number is what is stored; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// It counts.
    Counted = 0,
    /// An event with this id was counted within the last 24 hours.
    DuplicateId = 1,
    /// This viewer's view of this content was already counted in this window.
    DuplicateView = 2,
    /// No shard has a slot for the content.
    UnknownContent = 3,
    /// The event is dated later than the clock allows.
    Future = 4,
    /// The event is older than may still be counted.
    Stale = 5,
    /// Watched for less than counts as a view.
    TooShort = 6,
    /// No viewer watches so many contents in so little time.
    ImpossibleRate = 7,
}

/// Every verdict, in the order of their numbers.
pub const VERDICTS: [Verdict; 8] = [
    Verdict::Counted,
    Verdict::DuplicateId,
    Verdict::DuplicateView,
    Verdict::UnknownContent,
    Verdict::Future,
    Verdict::Stale,
    Verdict::TooShort,
    Verdict::ImpossibleRate,
];

impl Verdict {
    /// The name used in answers, metrics and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::DuplicateId => "duplicate_id",
            Self::DuplicateView => "duplicate_view",
            Self::UnknownContent => "unknown_content",
            Self::Future => "future",
            Self::Stale => "stale",
            Self::TooShort => "too_short",
            Self::ImpossibleRate => "impossible_rate",
        }
    }

    /// The verdict with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        VERDICTS.get(usize::from(number)).copied()
    }
}
