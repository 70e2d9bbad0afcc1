# make demo      sets up, builds, adapts the universal model to the sample product, and inspects it
# make test      sets up, and runs every test
# make install   installs library, headers, packages for CMake and pkg-config, command line and manual, below PREFIX
# make deb       makes a Debian package of the same; make check-deb installs and runs it in a clean Debian, as root
# make wheel     makes the Python package

PREFIX = /usr/local
DESTDIR =

metaformer = .build/release/metaformer
demo = demo

.PHONY: all demo test setup install deb check-deb wheel clean

# With Swift's own libraries inside, and no symbols: it is to run where there is no Swift.
all: setup
	swift build -c release --static-swift-stdlib -Xlinker -s --product metaformer

setup:
	@scripts/setup

demo: all
	@mkdir -p $(demo)
	$(metaformer) sample $(demo)/sample
	$(metaformer) adapt --good $(demo)/sample --shots 16 --output $(demo)/flange.safetensors
	$(metaformer) inspect --model $(demo)/flange.safetensors $(demo)/sample --output $(demo)/results
	@echo
	@echo "The images:    $(demo)/sample"
	@echo "The model:     $(demo)/flange.safetensors"
	@echo "The verdicts:  $(demo)/results/results.csv, and an overlay beside each map in $(demo)/results/test"

# As many tests at once as there are processors: each has threads of its own, which otherwise wait for each other. A thread pool that
# waits must not hold the cores. A testing library that does not know the width runs all at once.
test: setup
	swift build --build-tests
	OMP_WAIT_POLICY=passive SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$$(nproc) swift test --skip-build

# $(1): the folder of the build; $(2): the prefix that it is installed below.
configure = cmake -S CSources -B $(1) -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=$(2) \
    -DMETAFORMER_PROGRAM=$(abspath $(metaformer))

install: all
	$(call configure,.build/install,$(PREFIX))
	cmake --build .build/install --parallel
	DESTDIR=$(DESTDIR) cmake --install .build/install --strip

deb: all
	$(call configure,.build/deb,/usr)
	cmake --build .build/deb --parallel
	cd .build/deb && cpack
	@ls .build/deb/*.deb

check-deb: deb
	scripts/check-deb .build/deb/metaformer_*.deb

wheel: setup
	rm -rf bindings/python/build .build/wheel
	/usr/bin/python3 -m pip wheel --no-build-isolation --no-deps --no-index --wheel-dir .build/wheel/linux bindings/python
	scripts/tag-wheel .build/wheel/linux/metaformer-*.whl .build/wheel

clean:
	swift package clean
	rm -rf $(demo) .build/install .build/deb .build/wheel bindings/python/build bindings/python/*.egg-info
