# make demo   sets up, builds, and runs the main job on the sample product
# make test   sets up, and runs every test

metaformer = .build/release/metaformer
demo = demo

.PHONY: all demo test setup clean

all: setup
	swift build -c release --product metaformer

setup:
	@scripts/setup

demo: all
	@mkdir -p $(demo)
	$(metaformer) sample $(demo)/sample
	$(metaformer) adapt --model scratch:A --good $(demo)/sample --output $(demo)/flange.safetensors \
	    --epochs 40 --batch 8 --learning-rate 0.0005
	$(metaformer) inspect --model $(demo)/flange.safetensors $(demo)/sample --output $(demo)/results
	@echo
	@echo "The pictures:  $(demo)/sample"
	@echo "The model:     $(demo)/flange.safetensors"
	@echo "The verdicts:  $(demo)/results/results.csv, and an overlay beside each map in $(demo)/results/test"

test: setup
	swift build --build-tests
	swift test --skip-build

clean:
	swift package clean
	rm -rf $(demo)
