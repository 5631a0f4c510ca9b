# Debian's node-llhttp carries the C sources; newer distributions have a library.
pkg_check_modules(LLHTTP IMPORTED_TARGET libllhttp)
if(LLHTTP_FOUND)
  set(LLHTTP_TARGET PkgConfig::LLHTTP)
else()
  find_path(LLHTTP_SOURCES api.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
  find_path(LLHTTP_HEADER llhttp.h PATHS /usr/share/include/llhttp /usr/include/llhttp
    /usr/include NO_DEFAULT_PATH REQUIRED)
  add_library(llhttp STATIC
    ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_HEADER})
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
  target_compile_options(llhttp PRIVATE -w)
  set(LLHTTP_TARGET llhttp)
endif()

imsrig_library(http
  SOURCES
    common/http/parser.c common/http/answer.c common/http/wire.c common/http/server.c common/http/client.c
    common/http/form.c common/http/script.c
  LINK net trace ${LLHTTP_TARGET} PkgConfig::JANSSON)
imsrig_test(http_parser LINK http)
imsrig_test(http_form LINK http)
imsrig_test(http SOURCES tests/unit/rig.c LINK http ca)
imsrig_fuzz(http_request LINK http)
imsrig_fuzz(http_form LINK http)
