# The page's script as a C text: cmake -DSOURCE=wwsf/page -DMODULES=DIR -DOUT=DIR -P bundle.cmake
# Where the bundle can't be made, absent.js stands in its place, OUT/absent.txt says why, and
# the build goes on.
include(${CMAKE_CURRENT_LIST_DIR}/npm.cmake)
file(REMOVE ${OUT}/absent.txt)
npm_ci(${SOURCE} ${MODULES} why)
if(NOT why)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env NODE_PATH=${MODULES}/node_modules
      ${MODULES}/node_modules/.bin/esbuild ${SOURCE}/src/main.js --bundle --format=iife
      --target=es2022 --minify --charset=utf8 --log-level=error --outfile=${OUT}/bundle.js
      "--banner:js=/* imsrig's WebRTC IMS client, with JsSIP, sdp-transform, debug, ms and events (MIT licence) */"
    TIMEOUT 120 RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT result EQUAL 0)
    string(REGEX REPLACE "[\r\n]+" "; " said "${said}")
    string(SUBSTRING "${said}" 0 300 said)
    set(why "esbuild failed (${result}): ${said}")
  endif()
endif()
if(why)
  message("the WWSF's page goes without its SIP library: ${why}")
  file(WRITE ${OUT}/absent.txt "${why}\n")
  file(COPY_FILE ${SOURCE}/absent.js ${OUT}/bundle.js)
endif()

function(as_c_text name hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  file(APPEND ${OUT}/wic.c.new "static const unsigned char ${name}_bytes[] = {${bytes}0};
const struct str ${name} = {(const char *)${name}_bytes, sizeof ${name}_bytes - 1};\n")
endfunction()
file(WRITE ${OUT}/wic.c.new "#include \"wwsf/wwsf.h\"\n")
file(READ ${OUT}/bundle.js script HEX)
string(HEX "${why}" reason)
as_c_text(wwsf_page_wic_js "${script}")
as_c_text(wwsf_page_absent "${reason}")
file(RENAME ${OUT}/wic.c.new ${OUT}/wic.c)
