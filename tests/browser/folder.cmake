# Chromium against the page, as a person uses it. It counts seconds on the registrar's side, so
# nothing runs beside it. Exit code 77: skipped, its last line and WORK/skipped say why.
set(browser_test ${CMAKE_SOURCE_DIR}/tests/browser)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/browser/absent.txt
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${browser_test} -DMODULES=${IMSRIG_NPM}/browser
    -DOUT=${CMAKE_BINARY_DIR}/browser/absent.txt -P ${browser_test}/install.cmake
  DEPENDS ${browser_test}/package.json ${browser_test}/package-lock.json
    ${browser_test}/install.cmake ${CMAKE_SOURCE_DIR}/wwsf/page/npm.cmake
  COMMENT "Fetching what drives the browser")
add_custom_target(browser_packages ALL DEPENDS ${CMAKE_BINARY_DIR}/browser/absent.txt)
add_test(NAME browser COMMAND bash ${browser_test}/browser.sh
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/t/browser
  ${IMSRIG_NPM}/browser)
set_tests_properties(browser PROPERTIES TIMEOUT 600 RUN_SERIAL TRUE SKIP_RETURN_CODE 77)
