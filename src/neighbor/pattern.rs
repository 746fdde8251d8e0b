//! Interface names with wildcards.

/// A pattern for interface names: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern; none when it is empty or holds what no interface name can.
    pub fn new(text: &str) -> Option<Self> {
        let usable =
            !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && c != '/' && !c.is_control());
        usable.then(|| Self(text.to_owned()))
    }

    /// Whether the whole name fits the pattern.
    pub fn matches(&self, name: &str) -> bool {
        fits(self.0.as_bytes(), name.as_bytes())
    }
}

/// Goes back to the last `*` on a mismatch, so that no pattern takes more than length times length steps.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    p = star + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_and_for_one() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).unwrap().matches(name);
        assert!(fits("swp1", "swp1") && !fits("swp1", "swp10") && !fits("swp1", "swp"));
        assert!(fits("swp*", "swp") && fits("swp*", "swp51") && !fits("swp*", "eth0"));
        assert!(fits("swp?", "swp1") && !fits("swp?", "swp10"));
        assert!(fits("*.100", "swp1.100") && fits("s*1*0", "swp1.100") && !fits("*a*b", "aab_"));
        assert!(Pattern::new("").is_none() && Pattern::new("a b").is_none() && Pattern::new("a/b").is_none());
    }
}
