#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the programs the project calls, as Debian packages: only what is missing, and only with root or sudo.
# Without either it says what to install and ends well, so that the native board and the tests that need no
# cross-compiler still work.
set -u

missing=()
need() { # need PACKAGE TEST...: remember the package when the test fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

has_library() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }
compiles() { echo "#include <$2>" | "$1" -E - ; }
python=${PYTHON:-python3}

need gcc command -v gcc
need g++ command -v g++
need clang command -v clang++
need libc6-dev compiles cc stdio.h
need gcc-arm-none-eabi command -v arm-none-eabi-gcc
need libnewlib-arm-none-eabi compiles arm-none-eabi-gcc stdio.h
need qemu-system-arm command -v qemu-system-arm
need openocd command -v openocd
need espeak-ng command -v espeak-ng
need flite command -v flite
if [ "$(uname)" = Linux ]; then # elsewhere their packages bring them
    need libportaudio2 has_library libportaudio.so.2
    need libglib2.0-0 has_library libglib-2.0.so.0
fi
need python3-venv "$python" -c 'import ensurepip, venv'
need python3-dev "$python" -c 'import os, sysconfig; assert os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))'

[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "== these programs are missing, and this system has no apt-get. Please install what Debian calls:"
    echo "       ${missing[*]}"
    if [ "$(uname)" = Darwin ]; then
        echo "   With Homebrew (not tried by us): xcode-select --install; brew install qemu espeak-ng flite; "
        echo "       brew install --cask gcc-arm-embedded"
    fi
    echo "   Going on without them: what needs them will say so; the native board needs a C compiler only."
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    become=()
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    become=(sudo)
else
    echo "== these programs are missing, and installing them needs root. Please run:"
    echo "       sudo apt-get install --no-install-recommends ${missing[*]}"
    echo "   Going on without them: what needs them will say so; the native board works without."
    exit 0
fi
echo "== installing ${missing[*]}"
log=$(mktemp)
if ! { "${become[@]}" apt-get update && DEBIAN_FRONTEND=noninteractive "${become[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log"
    echo "== apt-get failed (log above): install these by hand, then run make again: ${missing[*]}"
    exit 1
fi
rm -f "$log"
