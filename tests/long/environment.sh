# environment.sh - sourced by the drivers here: the programs of a build directory, as the system tests want them.
build=$(cd "${1:-build-release}" && pwd)
PYTHONDONTWRITEBYTECODE=1
SLUICE_BUILD=$build
SLUICE_BINARY=$build/bin/sluice
SLUICE_SIM=$build/bin/sluice-sim
SLUICE_PLUGINS=$build/plugins
SLUICE_HOSTILE=$build/hostile
export PYTHONDONTWRITEBYTECODE SLUICE_BUILD SLUICE_BINARY SLUICE_SIM SLUICE_PLUGINS SLUICE_HOSTILE
