//! What words without quotes mean in YAML, and where its two versions disagree.

/// What a scalar without quotes means to readers of YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing: empty, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// `yes`, `no`, `on`, `off`: text to YAML 1.2, a boolean to YAML 1.1.
    Ambiguous,
    /// A number.
    Number,
    /// Anything else.
    Text,
}

impl Meaning {
    /// What a plain scalar means by the core schema of YAML 1.2, and where YAML 1.1 differs.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ if ["yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word)) => {
                Self::Ambiguous
            }
            _ if is_number(text) => Self::Number,
            _ => Self::Text,
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return !hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit());
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return !octal.is_empty() && octal.chars().all(|c| c.is_digit(8));
    }
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_the_core_schema_says() {
        for (text, meaning) in [
            ("", Meaning::Null),
            ("~", Meaning::Null),
            ("True", Meaning::Bool(true)),
            ("No", Meaning::Ambiguous),
            ("off", Meaning::Ambiguous),
            ("0x1f", Meaning::Number),
            ("-1.5e3", Meaning::Number),
            ("172.16.1.11", Meaning::Text),
            ("n", Meaning::Text),
            (".", Meaning::Text),
            ("5 apples", Meaning::Text),
        ] {
            assert_eq!(Meaning::of(text), meaning, "{text:?}");
        }
    }
}
