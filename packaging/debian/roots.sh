# SPDX-License-Identifier: Apache-2.0
#
# What the scripts of this folder share: fresh roots of a Debian release, made by mmdebstrap (as root).
# Sourced with $suite set; the roots are below $work, which is removed at the end. DEBIAN_MIRROR is where
# packages come from; with SPEAD2_STALE=1 it may be a copy that is no longer kept up.

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d)
trap remove_roots EXIT

say() { echo "$(basename "$0") $suite: $*"; }

mounts() { awk -v work="$work/" 'index($2, work) == 1 {print $2}' /proc/mounts | sort -r; }

remove_roots() {
    mounts | xargs -r -n 1 umount
    if [ -n "$(mounts)" ]; then # nothing of the machine may be below what is removed
        say "left, because something is still mounted there: $work"
    else
        rm -rf --one-file-system "$work"
    fi
}

make_root() { # DIR PACKAGES: packages with commas between them
    say "making a root with $(tr , ' ' <<<"$2")" | cut -c 1-110
    mmdebstrap --mode=root --variant=apt --quiet --include="$2" \
        --aptopt='APT::Install-Recommends "false"' \
        ${SPEAD2_STALE:+--aptopt='Acquire::Check-Valid-Until "false"'} "$suite" "$work/$1" "$mirror"
}

# The project's files as they are, without what git ignores.
copy_source() { # DIR
    mkdir -p "$work/$1/source"
    git -C "$source" ls-files -z --cached --others --exclude-standard |
        (cd "$source" && tar --null -T - -c) | tar -x -C "$work/$1/source"
}

# Files and folders of the machine that are named in SPEAD2_COPY.
copy_settings() { # DIR
    local path
    for path in ${SPEAD2_COPY:-}; do
        tar -C / -c -h "${path#/}" | tar -x -C "$work/$1"
    done
}

# Runs a command in a root; it has the machine's processes and network.
inside() { # DIR COMMAND...
    local dir=$work/$1 code=0
    shift
    mount --bind /proc "$dir/proc"
    mount --bind /sys "$dir/sys"
    mount --bind /dev/pts "$dir/dev/pts"
    LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$dir" "$@" || code=$?
    umount "$dir/dev/pts" "$dir/proc" "$dir/sys"
    return $code
}
