//! What to do about a kernel that lacks something, by distribution. Pure.

/// Whose packages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Debian and what follows it closely.
    Debian,
    /// Ubuntu and what follows it.
    Ubuntu,
    /// Fedora, Red Hat Enterprise Linux, CentOS, Rocky, Alma.
    RedHat,
    /// Any other.
    Other,
}

impl Distribution {
    /// The distribution that an `os-release` file names, or one that it says it is like.
    #[must_use]
    pub fn of(os_release: &str) -> Self {
        let value = |key: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let (id, like) = (value("ID"), value("ID_LIKE"));
        let known = [id.as_str()].into_iter().chain(like.split(' ')).find_map(|name| match name {
            "ubuntu" => Some(Self::Ubuntu),
            "debian" => Some(Self::Debian),
            "fedora" | "rhel" | "centos" => Some(Self::RedHat),
            _ => None,
        });
        known.unwrap_or(Self::Other)
    }

    /// How to come by a module that standard kernels have, `option` being its name in the kernel's configuration.
    #[must_use]
    pub fn module(self, module: &str, option: &str) -> String {
        let load = format!("`sudo modprobe {module}`");
        let kernel = format!("a kernel with {option}");
        match self {
            Self::Debian => {
                format!(
                    "{load}; a cloud or custom kernel may lack it: `sudo apt install linux-image-$(dpkg --print-architecture)`"
                )
            }
            Self::Ubuntu => format!("{load}; if there is none: `sudo apt install linux-modules-extra-$(uname -r)`"),
            Self::RedHat => format!("{load}; if there is none: `sudo dnf install kernel-modules-extra`"),
            Self::Other => format!("{load}, or {kernel}"),
        }
    }

    /// How to come by Docker.
    #[must_use]
    pub fn docker(self) -> &'static str {
        match self {
            Self::Debian | Self::Ubuntu => "`sudo apt install docker.io`",
            Self::RedHat => "`sudo dnf install moby-engine`, or the packages of docker.com",
            Self::Other => "install Docker",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_known_by_its_name_or_by_what_it_is_like() {
        assert_eq!(Distribution::of("NAME=x\nID=debian\n"), Distribution::Debian);
        assert_eq!(Distribution::of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Distribution::Ubuntu);
        assert_eq!(Distribution::of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Distribution::RedHat);
        assert_eq!(Distribution::of("ID=void\n"), Distribution::Other);
        assert_eq!(Distribution::of(""), Distribution::Other);
    }
}
