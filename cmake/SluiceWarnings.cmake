# One interface target carries what every target of this project is compiled with.
option(SLUICE_WERROR "Treat warnings as errors (on in the presets, off for packagers)" OFF)

add_library(sluice_compile INTERFACE)
target_compile_features(sluice_compile INTERFACE c_std_17)
target_compile_definitions(sluice_compile INTERFACE _GNU_SOURCE)
target_compile_options(sluice_compile INTERFACE
  -fvisibility=hidden
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
  -Wwrite-strings -Wcast-qual -Wundef -Wvla
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(sluice_compile INTERFACE -fstack-protector-strong)
  target_compile_definitions(sluice_compile INTERFACE _FORTIFY_SOURCE=2)
endif()
