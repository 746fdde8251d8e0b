//! Kernel settings, as sysctl.conf(5) and sysctl(8) write them.

/// The settings of a file that must hold, by their paths below `/proc/sys`. Those marked with `-`, and those given by a
/// pattern, may be missing on a device.
pub fn sysctl_file(text: &str) -> Vec<(String, String)> {
    settings(text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';', '-'])))
}

/// What `sysctl KEY…` answers, by the same paths.
pub fn sysctl_values(text: &str) -> Vec<(String, String)> {
    settings(text.lines())
}

fn settings<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    lines
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| !key.contains(['*', '?', '[']))
        .map(|(key, value)| (path(key.trim()), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// A key as sysctl(8) reads it: whichever separator comes first is the one that counts, the other stands for itself.
fn path(key: &str) -> String {
    if key.find(['.', '/']).is_some_and(|first| key[first..].starts_with('/')) {
        return key.to_owned();
    }
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    key.chars().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_words(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found.iter().map(|(key, value)| (&**key, &**value)).collect()
    }

    #[test]
    fn settings_are_read_as_sysctl_reads_them() {
        let text = "# note\nnet.ipv4.ip_forward = 1\nnet/ipv4/conf/eth1.100/rp_filter=0\n-net.x = 9\nnet/y[1] = 2\n\n\
            net.ipv4.conf.eth1/100.rp_filter = 0\nkernel.printk = 4 \t 1\n";
        assert_eq!(
            as_words(&sysctl_file(text)),
            [
                ("net/ipv4/ip_forward", "1"),
                ("net/ipv4/conf/eth1.100/rp_filter", "0"),
                ("net/ipv4/conf/eth1.100/rp_filter", "0"),
                ("kernel/printk", "4 1"),
            ]
        );
    }

    #[test]
    fn answers_have_the_same_paths() {
        let text = "net.ipv4.conf.eth1/100.rp_filter = 0\nkernel.printk = 4\t4\t1\t7\n";
        assert_eq!(
            as_words(&sysctl_values(text)),
            [("net/ipv4/conf/eth1.100/rp_filter", "0"), ("kernel/printk", "4 4 1 7")]
        );
    }
}
