package stages

import "reflect"

// SettingsSchema describes a struct of attributes that is no stage, such as the settings of an executor. Its
// fields have the tags of a stage's.
func SettingsSchema(name, doc string, settings any) (Schema, error) {
	s := Schema{Type: Type{Name: name, Doc: doc}}
	err := s.addFields(reflect.TypeOf(settings))
	return s, err
}

// FillSettings checks config, as Normalise does, and sets what settings points to.
func (s Schema) FillSettings(settings any, config map[string]any) []error {
	normal, errs := s.Normalise(config)
	if len(errs) > 0 {
		return errs
	}
	return s.fill(settings, normal)
}
