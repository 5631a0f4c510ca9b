# The packages of the browser test: cmake -DSOURCE=tests/browser -DMODULES=DIR -DOUT=FILE -P install.cmake
# OUT gets the reason why they can't be had, nothing when they are there; the build goes on.
include(${CMAKE_CURRENT_LIST_DIR}/../../wwsf/page/npm.cmake)
npm_ci(${SOURCE} ${MODULES} why)
if(why)
  message("the browser test will be skipped: ${why}")
endif()
file(WRITE ${OUT} "${why}")
