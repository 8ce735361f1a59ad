//! Charts as inline SVG, drawn twice: for wide screens and for phones.
//!
//! A chart knows no colour of its own: it draws in [`Ink`]s, each of which the page's style gives a
//! colour for light and for dark.

use maud::{Markup, PreEscaped, html};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Where a chart is drawn.
pub type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing ends with.
pub type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// Width and height of a chart's two forms, in pixels.
const WIDE: (u32, u32) = (880, 300);
const NARROW: (u32, u32) = (360, 280);
/// The backend makes text smaller by a factor of 1.24.
const TEXT_SIZE: f64 = 16.0;

/// What is drawn with; the style sheet of the page gives each its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Text,
    Faint,
    First,
    Second,
    Third,
}

impl Ink {
    /// Every ink, with the name of its variable in the style sheet.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Text, "--soft"),
        (Self::Faint, "--line"),
        (Self::First, "--first"),
        (Self::Second, "--second"),
        (Self::Third, "--third"),
    ];

    /// The colour that stands for this ink in the SVG.
    pub const fn color(self) -> RGBColor {
        RGBColor(0, 0, self as u8 + 1)
    }

    /// The same colour as the backend writes it.
    pub fn code(self) -> String {
        let RGBColor(red, green, blue) = self.color();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }

    /// A surface.
    pub fn filled(self) -> ShapeStyle {
        self.color().filled()
    }

    /// A line, two pixels wide.
    pub fn line(self) -> ShapeStyle {
        self.color().stroke_width(2)
    }
}

/// Text of a chart, held at one of its sides.
pub fn label(side: HPos) -> TextStyle<'static> {
    ("sans-serif", TEXT_SIZE)
        .into_font()
        .color(&Ink::Text.color())
        .pos(Pos::new(side, VPos::Center))
}

/// A chart: what it shows, in words and as numbers, and how it is drawn.
pub struct Chart<'a> {
    pub title: &'a str,
    /// What can be seen in it, in words: shown below the title and read out instead of the picture.
    pub text: String,
    pub header: &'a [&'a str],
    pub rows: Vec<Vec<String>>,
    /// Height, where the usual one does not fit.
    pub height: Option<u32>,
    pub draw: &'a dyn Fn(&Canvas) -> Drawn,
}

impl Chart<'_> {
    /// The chart, its text, and its numbers as a table that can be unfolded.
    pub fn figure(&self) -> anyhow::Result<Markup> {
        let (wide, narrow) = (self.picture(WIDE)?, self.picture(NARROW)?);
        let alt = format!("Chart: {}. {}", self.title, self.text);
        Ok(html! {
            figure {
                figcaption { h3 { (self.title) } p { (self.text) } }
                div.wide role="img" aria-label=(alt) { (PreEscaped(wide)) }
                div.narrow role="img" aria-label=(alt) { (PreEscaped(narrow)) }
                details {
                    summary { "The numbers" }
                    (table(self.title, self.header, &self.rows))
                }
            }
        })
    }

    fn picture(&self, (width, height): (u32, u32)) -> anyhow::Result<String> {
        let mut text = String::new();
        {
            let size = (width, self.height.unwrap_or(height));
            let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
            (self.draw)(&canvas)?;
            canvas.present()?;
        }
        Ok(text)
    }
}

/// A table that scrolls sideways where it is too wide. The first column is of words, the others are of
/// numbers.
pub fn table(caption: &str, header: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.unseen { (caption) }
                thead { tr { @for cell in header { th scope="col" { (cell) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 { th scope="row" { (cell) } }
                                @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
