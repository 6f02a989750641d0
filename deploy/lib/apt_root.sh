# SPDX-License-Identifier: Apache-2.0
# Downloads packages of another architecture through a separate apt root: the machine's dpkg and apt keep their architectures. To be sourced.

# This machine's apt sources for Debian, in one-line form, with the mirror that it uses.
debian_sources() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(CREATED_BY)|$(SITE)|$(RELEASE)|$(COMPONENT)' 2>/dev/null |
        awk -F'|' '$1 == "Packages" && $4 == "main" && $3 ~ /^bookworm/ && !seen[$2 $3 $4]++ {
            print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $2 " " $3 " " $4 }'
}

# apt_root ARCH FOLDER: apt-get and apt-cache of this shell use ARCH from here on, and keep their state in FOLDER. Needs no root; lists
# older than a day are fetched again.
apt_root() {
    local arch=$1 dir=$2
    mkdir -p "$dir"/{state/lists/partial,cache/archives/partial}
    if [ ! -s "$dir/sources.list" ]; then
        debian_sources >"$dir/sources.list.new" || true
        [ -s "$dir/sources.list.new" ] || { echo "apt lists no bookworm sources on this machine; run apt-get update" >&2; return 1; }
        mv "$dir/sources.list.new" "$dir/sources.list"
    fi
    : >"$dir/status"
    cat >"$dir/apt.conf" <<END
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Dir::State "$dir/state";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
END
    export APT_CONFIG=$dir/apt.conf
    if [ -z "$(find "$dir/updated" -mtime -1 2>/dev/null)" ]; then
        apt-get update -q >"$dir/update.log" 2>&1 || { tail -n 5 "$dir/update.log" >&2; return 1; }
        touch "$dir/updated"
    fi
}
