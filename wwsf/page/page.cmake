# The page: its script is bundled with JsSIP from the npm registry. The packages are shared by
# the build directories below build/ and fetched when the lock file changes.
set(page ${CMAKE_SOURCE_DIR}/wwsf/page)
set(page_out ${CMAKE_BINARY_DIR}/page)
string(FIND ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/build/ below)
set(IMSRIG_NPM ${CMAKE_BINARY_DIR}/npm)
if(below EQUAL 0)
  set(IMSRIG_NPM ${CMAKE_SOURCE_DIR}/build/npm)
endif()
set(page_modules api log main sip view wic words)
list(TRANSFORM page_modules PREPEND ${page}/src/)
list(TRANSFORM page_modules APPEND .js)
add_custom_command(OUTPUT ${page_out}/wic.c
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${page} -DMODULES=${IMSRIG_NPM}/page -DOUT=${page_out}
    -P ${page}/bundle.cmake
  DEPENDS ${page_modules} ${page}/absent.js ${page}/package.json ${page}/package-lock.json
    ${page}/bundle.cmake ${page}/npm.cmake
  COMMENT "Bundling the WWSF's page")
target_sources(wwsf_parts PRIVATE ${page_out}/wic.c)
