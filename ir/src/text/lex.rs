//! Text to tokens.

use super::ParseError;
use super::print::is_word_char;

/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 1 << 28;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind<'a> {
    /// `%name`
    Value(&'a str),
    /// `@name` or `@"name"`
    At(String),
    /// A letter or `_`, then letters, digits, `_`, `.`
    Word(&'a str),
    /// Digits, perhaps with fraction and exponent, or `0x` and hexadecimal digits; no sign
    Number(&'a str),
    /// `"text"`
    Text(String),
    /// `..`
    Range,
    /// Any other single character
    Sign(char),
    /// After the last token
    End,
}

/// A place in the text, both from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    pub(super) fn error(self, message: impl Into<String>) -> ParseError {
        ParseError {
            line: self.line,
            column: self.column,
            message: message.into(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind<'a>,
    pub place: Place,
}

impl Kind<'_> {
    /// As error messages name it.
    pub fn describe(&self) -> String {
        match self {
            Kind::Value(v) => format!("%{}", short(v)),
            Kind::At(name) => format!("@{}", short(name)),
            Kind::Word(w) | Kind::Number(w) => short(w),
            Kind::Text(t) => format!("\"{}\"", short(t)),
            Kind::Range => "..".to_string(),
            Kind::Sign(c) => format!("{c:?}"),
            Kind::End => "the end of the text".to_string(),
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_string(),
    }
}

/// The tokens of a text, `End` last. Comments run from `;` to the end of the line.
pub(super) fn lex(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        place: Place { line: 1, column: 1 },
    };
    if text.len() > MAX_TEXT {
        let message = format!("a text has at most {MAX_TEXT} bytes, found {}", text.len());
        return Err(lexer.place.error(message));
    }
    let mut tokens = vec![];
    loop {
        lexer.skip_blank();
        let place = lexer.place;
        let kind = lexer.token()?;
        let end = kind == Kind::End;
        tokens.push(Token { kind, place });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    place: Place,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(c)
    }

    fn take_while(&mut self, f: impl Fn(char) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(&f) {
            self.bump();
        }
        &self.text[start..self.at]
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.peek() != Some(';') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<Kind<'a>, ParseError> {
        let Some(c) = self.peek() else {
            return Ok(Kind::End);
        };
        Ok(match c {
            '%' => Kind::Value(self.name()?),
            '@' if self.second() == Some('"') => {
                self.bump();
                Kind::At(self.string()?)
            }
            '@' => Kind::At(self.name()?.to_string()),
            '"' => Kind::Text(self.string()?),
            c if c.is_ascii_digit() => Kind::Number(self.number()),
            c if is_word_char(c) && c != '.' => Kind::Word(self.take_while(is_word_char)),
            '.' if self.second() == Some('.') => {
                self.bump();
                self.bump();
                Kind::Range
            }
            c => {
                self.bump();
                Kind::Sign(c)
            }
        })
    }

    /// What follows `%` or `@`; `#` sets apart buffers and kernels of one name.
    fn name(&mut self) -> Result<&'a str, ParseError> {
        let place = self.place;
        let sign = self.bump().expect("peeked");
        let name = self.take_while(|c| is_word_char(c) || c == '#');
        match name.is_empty() {
            true => Err(place.error(format!("expected a name after {sign}"))),
            false => Ok(name),
        }
    }

    fn number(&mut self) -> &'a str {
        let start = self.at;
        if self.text[start..].starts_with("0x") {
            self.bump();
            self.bump();
            self.take_while(|c| c.is_ascii_hexdigit());
            return &self.text[start..self.at];
        }
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        self.take_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') && digit(self.second()) {
            self.bump();
            self.take_while(|c| c.is_ascii_digit());
        }
        if self.peek() == Some('e') {
            let mut rest = self.text[self.at + 1..].chars();
            let first = rest.next();
            let signed = first == Some('-') && digit(rest.next());
            if signed || digit(first) {
                self.bump();
                self.bump();
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        &self.text[start..self.at]
    }

    fn string(&mut self) -> Result<String, ParseError> {
        let start = self.place;
        self.bump();
        let mut out = String::new();
        loop {
            let place = self.place;
            match self.bump() {
                None | Some('\n') => return Err(start.error("a string must end on its line")),
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape(place)?),
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self, place: Place) -> Result<char, ParseError> {
        match self.bump() {
            Some('n') => Ok('\n'),
            Some(c @ ('"' | '\\')) => Ok(c),
            Some('u') => {
                let open = self.bump() == Some('{');
                let digits = self.take_while(|c| c.is_ascii_hexdigit());
                let close = self.bump() == Some('}');
                let code = u32::from_str_radix(digits, 16).ok();
                let code = code.filter(|_| open && close);
                let c = code.and_then(char::from_u32);
                c.ok_or_else(|| place.error("expected a character such as \\u{1f}"))
            }
            _ => Err(place.error("expected one of the escapes \\\", \\\\, \\n, \\u{..}")),
        }
    }
}
